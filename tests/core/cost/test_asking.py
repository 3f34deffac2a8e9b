"""What makes no sense is said in one place, all at once, with what mends it."""

import json

import pytest

from core.cost.asking import RefusedError, scenario
from core.cost.estimate import demanded, estimate
from core.cost.scenario import Parallel
from core.design.presets.registry import preset
from core.design.spec import Design

MIXTRAL, STARTER = preset("mixtral-8x7b"), preset("starter")
DEEPSEEK = preset("deepseek-v3")
BANK = next(p.pointer for p in MIXTRAL.parts() if p.part.body.kind == "moe")


def told(design, **asked):
    with pytest.raises(RefusedError) as raised:
        scenario(design, asked)
    return {problem.path: problem for problem in raised.value.problems}


@pytest.mark.parametrize(
    ("asked", "path", "words", "fix"),
    [
        ({"batch": -3}, "/batch", "batch of -3", "use 1 to"),
        ({"batch": 0}, "/batch", "batch of 0", "use 1 to"),
        ({"context": 32_769}, "/context", "longer than the 32768", "up to 32768"),
        ({"phase": "prefill", "sequence": 40_000}, "/sequence", "longer than the 32768", "up to 32768"),
        ({"phase": "bake"}, "/phase", "no phase 'bake'", "prefill, decode, train"),
        ({"tp": 3}, "/tp", "32 heads do not divide into 3", "use 2"),
        ({"tp": 0}, "/tp", "tp of 0", "from 1 on"),
        ({"ep": 3}, "/ep", "8 experts do not divide into 3", "use 2"),
        ({"ep": 16}, "/ep", "8 experts do not divide into 16", "use 8"),
        ({"pp": 5}, "/pp", "32 layers do not divide into 5", "use 4 or 8 stages"),
        ({"pp": 64, "stack": "megatron"}, "/pp", "do not divide into 64", "use 32 stages"),
        ({"devices": 6, "tp": 4}, "/devices", "6 devices do not divide", "multiple of 4"),
        ({"devices": 8, "tp": 2, "dp": 2}, "/devices", "are 4 devices, not 8", "ask for 4"),
        ({"ep": 8, "dp": 4}, "/ep", "spread 8 ways over 1 x 4", "divides tp * dp"),
        ({"weights": "mxpf4"}, "/weights", "Did you mean 'mxfp4'", "use one of"),
        ({"weights": {f"{BANK}/experts/8": "int4"}}, "/weights", "no such part or expert", "pointer"),
        ({"stack": "vlm"}, "/stack", "Did you mean 'vllm'", "sglang"),
        ({"weights": ""}, "/weights", "no number format ''", "use one of"),
        ({"phase": ""}, "/phase", "no phase ''", "use one of"),
        ({"offload": "disk"}, "/offload", "no offload 'disk'", "host, pcie, nvme"),
        ({"offload": "host", "offload_layers": 33}, "/offload_layers", "32 routed layers, not 33", "0 to 32"),
        ({"offload_layers": 3}, "/offload", "not where to", "host, pcie, nvme"),
        ({"offload": "host", "host": "l4"}, "/host", "no CPU 'l4'", "cpu-desktop"),
        ({"price": -1.0}, "/price", "price of -1", "one hour"),
        ({"price": float("nan")}, "/price", "price of nan", "one hour"),
        ({"watts": 0.0}, "/watts", "power of 0 W", "watts of one device"),
        ({"watts": float("inf")}, "/watts", "power of inf W", "watts of one device"),
        ({"phase": "decode", "sequence": -5}, "/sequence", "sequence of -5", "use 1 to"),
        ({"phase": "prefill", "sequence": 0}, "/sequence", "sequence of 0", "use 1 to"),
        ({"phase": "train", "batch": 5, "dp": 2}, "/batch", "does not divide into 2", "multiple of 2"),
        ({"phase": "train", "zero": 4}, "/zero", "no ZeRO stage 4", "0, 1, 2 or 3"),
        ({"phase": "train", "recompute": "some"}, "/recompute", "no recompute 'some'", "selective"),
        ({"phase": "train", "optimizer": "adamv"}, "/optimizer", "Did you mean 'adamw'", "muon"),
        ({"correlation": 1.5}, "/correlation", "exponent of 1.5", "up to 1"),
    ],
)
def test_a_mistake_has_a_place_a_reason_and_a_fix(asked, path, words, fix):
    problem = told(MIXTRAL, **asked)[path]
    assert words in problem.message
    assert problem.fix.startswith("To fix this, ")
    assert fix in str(problem)
    assert (problem.severity, problem.stage) == ("error", "cost")


def test_all_mistakes_are_told_at_once():
    found = told(MIXTRAL, batch=-1, context=10**8, tp=3, weights="w", stack="x", phase="train", zero=9)
    assert found.keys() >= {"/batch", "/context", "/tp", "/weights", "/stack", "/zero"}
    with pytest.raises(RefusedError) as raised:
        estimate(MIXTRAL, "h1000", batch=-1)
    assert [problem.path for problem in raised.value.problems] == ["/target", "/batch"]


def test_devices_follow_from_the_plan_and_the_plan_from_devices():
    assert scenario(DEEPSEEK, {"tp": 8}).parallel == Parallel(8, 1, 1, 1)
    assert scenario(DEEPSEEK, {"ep": 64}).parallel == Parallel(1, 64, 1, 64)
    assert scenario(DEEPSEEK, {"tp": 4, "ep": 8}).parallel == Parallel(4, 8, 1, 2)
    assert scenario(MIXTRAL, {"tp": 2, "pp": 4, "devices": 32}).parallel == Parallel(2, 1, 4, 4)
    whole = scenario(MIXTRAL, {"tp": 8, "ep": 2}).parallel
    assert (whole.expert_tp, whole.expert_dp, whole.devices) == (4, 1, 8)


def test_defaults_are_what_a_design_is_for():
    asked = scenario(MIXTRAL, {})
    assert (asked.phase, asked.batch, asked.context, asked.weights.name) == ("decode", 1, 32_768, "bf16")
    assert scenario(preset("digits-vit"), {}).phase == "prefill"
    trained = scenario(MIXTRAL, {"phase": "train", "dp": 4, "micro_batch": 2, "sequence": 128})
    assert (trained.batch, trained.micro_batch, trained.micro_batches, trained.context) == (8, 2, 1, 128)


def test_a_stack_may_take_stages_of_unequal_depth():
    assert "/pp" in told(DEEPSEEK, pp=4)
    load = scenario(DEEPSEEK, {"pp": 4, "stack": "megatron"})
    assert load.parallel.devices == 4


def test_training_may_go_beyond_the_context_but_not_beyond_a_table_of_positions():
    asked = {"phase": "train", "sequence": 2 * 64, "batch": 1}
    assert scenario(STARTER, asked).context == 128
    learned = STARTER.model_dump(mode="json")
    learned["embedding"]["position"] = "learned"
    assert "/sequence" in told(Design.model_validate(learned), **asked)


def test_widths_may_come_from_a_file(tmp_path):
    path = tmp_path / "w.json"
    path.write_text(json.dumps({"default": "bf16", f"{BANK}/experts/7": "mxfp4"}))
    one = demanded(MIXTRAL, weights=str(path)).memory.held[0][1].value
    every = demanded(MIXTRAL, weights="mxfp4").memory.held[0][1].value
    plain = demanded(MIXTRAL).memory.held[0][1].value
    assert (plain - one) * 8 == pytest.approx(plain - every)


def test_an_fpga_takes_its_own_widths_and_works_alone():
    for asked, path in (
        ({"weights": "bf16"}, "/weights"),
        ({"phase": "train"}, "/phase"),
        ({"tp": 2}, "/devices"),
        ({"weights": "w99a8"}, "/weights"),
    ):
        with pytest.raises(RefusedError) as raised:
            estimate(STARTER, "zcu104", **asked)
        assert raised.value.problems[0].path == path


@pytest.mark.parametrize(
    ("asked", "message", "fix"),
    [
        ({"tp": 3}, "32 heads do not divide into 3 ways (tp).", "use 2 or 4"),
        ({"tp": 64}, "32 heads", "use 32"),
        ({"ep": 3}, "8 experts do not divide into 3 ways (ep).", "use 2 or 4"),
        ({"pp": 5}, "32 layers do not divide into 5 stages (pp).", "use 4 or 8 stages"),
        ({"devices": 0}, "A number of devices of 0 makes no sense.", "use a whole number from 1 on"),
        ({"micro_batch": 0}, "A micro-batch of 0 makes no sense.", "use a whole number from 1 on"),
    ],
)
def test_plans_that_work_stand_on_both_sides(asked, message, fix):
    with pytest.raises(RefusedError) as caught:
        scenario(MIXTRAL, asked)
    (problem,) = caught.value.problems
    assert str(problem.message).startswith(message)
    assert str(problem.fix).startswith(f"To fix this, {fix}")
