"""What a step asks, the same for every device."""

import pytest

from core.cost import fpga, work
from core.cost.count import count
from core.cost.coverage import evenly_touched
from core.cost.devices import registry
from core.cost.formats import widths
from core.cost.scenario import Scenario
from core.cost.works import works
from core.design.presets.pieces import attention, decoder, glu, language, layer, moe, repeat, router
from core.design.spec import Design


def counts_of(scope):
    body = moe([glu(64, 8)], router(2, scope=scope))
    pattern = repeat(1, layer(attention(2), body))
    return count(
        Design.model_validate({"name": "d", "width": 32, "task": language(64), "stacks": decoder(pattern)})
    )


@pytest.mark.parametrize("phase", ["prefill", "decode"])
@pytest.mark.parametrize(
    ("scope", "prefill", "decode"),
    [("token", 192, 3), ("position", 64, 3), ("example", 3, 3), ("task", 3, 3), ("batch", 1, 1)],
)
def test_gpu_and_fpga_read_the_same_experts(phase, scope, prefill, decode):
    counts = counts_of(scope)
    load = Scenario(phase, 3, 64, widths("int8"), "int8", correlation=1.0)
    (part,) = [part for part in counts.parts if part.groups]
    made = prefill if phase == "prefill" else decode
    assert work.decisions(part, load) == made
    assert work.hits(part, load) == (evenly_touched(8, 2, made),)
    banked = work.hits(part, load)[0] * part.groups[0].parameters
    on_fpga = fpga.on_engine(counts, load, registry.device("zcu104"), fpga.Engine(16, 16))
    (on_gpu,) = works(counts, load)
    (streamed,) = [op.bytes for op in on_fpga.ops if op.name == "experts"]
    (read,) = [op.bytes for op in on_gpu if op.name == "experts"]
    assert streamed == pytest.approx(banked)
    # A GPU also moves activations: two rows of the stream and one of the experts, for each of two experts.
    rows = load.rows * 2
    assert read - streamed == pytest.approx(rows * (2 * 32 + 3 * 64))


def test_only_training_answers_at_every_token():
    counts = counts_of("token")
    assert work.answers(counts, Scenario("train", 3, 64, widths("fp32"), "fp32")) == 192
    assert work.answers(counts, Scenario("prefill", 3, 64, widths("bf16"), "bf16")) == 3
