"""From a design to a model: counts, names, seeds, refusals, and the three executions against each other."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from torch import Tensor
from torch.nn import functional as F

from core.design.spec import Design
from core.model.build import CannotBuildError, build
from core.model.execute.sparse import sparse
from core.model.passing import Pass
from tests.strategies import designs
from tests.support import close, gradients, inputs_for, loss_of, passing_for

patient = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=40)


def small(**fields: object) -> Design:
    """A byte model of two layers, the second with four experts and a selection bias."""
    attention = {"body": {"kind": "attention", "heads": 2, "kv_heads": 1}}
    dense = {"body": {"kind": "dense", "expert": {"kind": "glu", "hidden": 24}}}
    moe = {
        "kind": "moe",
        "experts": [{"kind": "glu", "count": 4, "hidden": 12}],
        "router": {
            "score": {"kind": "linear"},
            "select": {"kind": "top_k", "k": 2},
            "weigh": {"kind": "renormalised"},
            "combine": {"kind": "output_mix"},
        },
        "balance": [{"kind": "bias_update", "step": 0.01}, {"kind": "load_balance"}],
    }
    pattern = [{"parts": [attention, dense]}, {"parts": [attention, {"body": moe}]}]
    document = {
        "width": 16,
        "task": {"kind": "language_model", "context": 16},
        "stacks": [{"layers": [{"times": 2, "pattern": pattern}]}],
        **fields,
    }
    return Design.model_validate(document)


@patient
@given(designs(methods=True))
def test_every_part_has_the_parameters_that_the_closed_form_counts(design: Design) -> None:
    wanted: Counter[str] = Counter()
    for placed in design.weights():
        wanted[placed.pointer] += placed.times * placed.weight.size
    model, found = build(design), Counter[str]()
    for place, (path, part) in zip(design.occurrences(), model.parts(), strict=True):
        assert path == place.path
        found[place.pointer] += sum(p.numel() for p in part.parameters())
    norm = model.final_norm
    found["/stacks/0"] = 0 if norm is None else sum(p.numel() for p in norm.parameters())
    for name, parameter in model.ends.named_parameters():
        # A language model's learned positions are its embedding's choice; pictures always have them.
        chosen = name == "position.weight" and design.task.kind == "language_model"
        found["/embedding" if chosen else "/task"] += parameter.numel()
    assert {k: v for k, v in found.items() if v} == {k: v for k, v in wanted.items() if v}


@patient
@given(designs(moe=True, methods=True))
def test_sparse_and_export_equal_reference_in_outputs_and_gradients(design: Design) -> None:
    found = []
    for execution in ("sparse", "export", "reference"):
        model = build(design, seed=1, execution=execution)
        output = model(inputs_for(design), passing_for(design, step=2, progress=0.3, record="full"))
        # Rounding alone may turn a choice this close around in a later layer.
        margins = [r.margin_T for r in output.records.values() if r.margin_T is not None]
        assume(all(margin_T.min() > 1e-6 for margin_T in margins))
        loss_of(output).backward()
        found.append({**output.logits, **output.losses, **gradients(model)})
    sparse, export, reference = found
    for key, wanted in reference.items():
        assert close(sparse[key], wanted), key
        assert close(export[key], wanted), key


def test_each_layer_runs_in_the_way_that_is_named_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def spied(*arguments: Any, **named: Any) -> Tensor:
        asked.append(arguments[4])
        return sparse(*arguments, **named)

    monkeypatch.setattr("core.model.routing.combine.output_mix.sparse", spied)
    inputs, passing = inputs_for(small()), Pass()
    ways = {"decoder.1.1": "ragged", "decoder.3.1": "numpy"}
    found = build(small(), execution=ways)(inputs, passing).logits["next"]
    assert asked == ["ragged", "numpy"]
    assert close(found, build(small(), execution="reference")(inputs, passing).logits["next"])
    build(small(), execution={"decoder.3.1": "grouped"}, expert_dtype="bfloat16")(inputs, passing)
    assert asked[2:4] == [None, "grouped"]


@pytest.mark.parametrize(
    "asked",
    [
        {"execution": {"decoder.0.7": "ragged"}},
        {"execution": "reference", "expert_dtype": "bfloat16"},
        {"execution": "export", "expert_dtype": "bfloat16"},
    ],
)
def test_experts_that_cannot_be_run_as_asked_are_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(CannotBuildError, match=r"(no part of that path|float32).*To fix this"):
        build(small(), **asked)


def test_parameters_are_named_by_their_path() -> None:
    names = {name for name, _ in build(small()).named_parameters()}
    assert {
        "ends.embedding.weight",
        "ends.head.weight",
        "final_norm.weight",
        "layers.decoder.0.0.norm.weight",
        "layers.decoder.0.0.body.query.weight",
        "layers.decoder.1.1.body.router.score.weight",
        "layers.decoder.3.1.body.experts.groups.0.gate_up_EHD",
    } <= names


@pytest.mark.parametrize("name", ["forward", "keys", "type", "training"])
def test_a_stack_may_have_a_name_that_torch_uses(name: str) -> None:
    stack = {**small().stacks[0].model_dump(), "name": name}
    design = small(stacks=[stack])
    output = build(design)(inputs_for(design), Pass(record="counts"))
    assert set(output.records) == {f"{name}.1.1", f"{name}.3.1"}


def test_equal_seeds_give_equal_models_and_leave_the_global_state() -> None:
    torch.manual_seed(3)
    state = torch.random.get_rng_state()
    one, same, other = (build(small(), seed=seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(one[key], same[key]) for key in one)
    changed = [key for key in one if not torch.equal(one[key], other[key])]
    assert len(changed) == sum(value.dim() > 1 for value in one.values())


def test_a_part_starts_the_same_whatever_else_the_design_holds() -> None:
    deeper = small(stacks=[{"layers": [{**small().stacks[0].layers[0].model_dump(), "times": 1}]}])
    ours, theirs = build(small()).state_dict(), build(deeper).state_dict()
    key = "layers.decoder.0.0.body.query.weight"
    assert torch.equal(ours[key], theirs[key])


def test_the_start_is_near_the_uniform_prediction() -> None:
    torch.manual_seed(0)
    inputs = torch.randint(0, 256, (8, 16))
    logits = build(small(width=64))(inputs).logits["next"]
    assert 5.2 < F.cross_entropy(logits.flatten(0, 1), inputs.flatten()).item() < 6.5


def test_a_design_with_errors_is_refused_in_words() -> None:
    attention = {"body": {"kind": "attention", "heads": 3, "sinks": True}}
    design = small(stacks=[{"layers": [{"pattern": [{"parts": [attention]}]}]}])
    with pytest.raises(CannotBuildError, match=r"3 heads do not divide .* To fix this, .* more problems"):
        build(design)


def test_records_are_named_by_path_and_losses_shared_over_layers() -> None:
    design = small()
    model = build(design)
    output = model(inputs_for(design), Pass(record="counts"))
    assert list(output.records) == ["decoder.1.1", "decoder.3.1"]
    assert list(output.losses) == ["load_balance"]
    # Coefficient 0.01; each layer's loss is 1 at its least, and the two are averaged.
    assert 0.0099 < output.losses["load_balance"].item() < 0.04
    assert model(inputs_for(design)).records == {}


def test_biases_learn_once_a_step_and_travel_in_the_state() -> None:
    design = small()
    model = build(design)
    output = model(inputs_for(design), Pass(record="counts"))
    before = {k: v.clone() for k, v in model.state_dict().items() if k.endswith("balance.0.bias")}
    model.after_step(output.records)
    after = {k: v for k, v in model.state_dict().items() if k in before}
    assert len(after) == 2
    selected = {f"layers.{path}.body.balance.0.bias": r.selected_E for path, r in output.records.items()}
    for key, moved in after.items():
        mean = selected[key].float().mean()
        assert close(moved - before[key], 0.01 * torch.sign(mean - selected[key]))
    again = build(design, seed=5)
    again.load_state_dict(model.state_dict())
    assert all(torch.equal(again.state_dict()[k], model.state_dict()[k]) for k in model.state_dict())
    with pytest.raises(ValueError, match="record is missing"):
        model.after_step({})


def test_causal_models_do_not_look_ahead_and_padding_changes_nothing() -> None:
    design = small()
    model = build(design).eval()
    inputs = inputs_for(design)
    changed = inputs.clone()
    changed[:, 9:] = (changed[:, 9:] + 1) % 256
    wanted = model(inputs).logits["next"][:, :9]
    assert close(model(changed).logits["next"][:, :9], wanted)
    mask = torch.arange(16).expand(3, -1) < 9
    padded = model(changed, Pass(mask=mask, record="counts"))
    assert close(padded.logits["next"][:, :9], wanted)
    assert padded.records["decoder.1.1"].tokens == 27


def test_it_learns_a_text_by_heart() -> None:
    design = small()
    model = build(design)
    text = torch.tensor([list(b"sixteen of bytes")])
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for step in range(60):
        output = model(text, Pass(step=step, record="counts"))
        loss = F.cross_entropy(output.logits["next"][0, :-1], text[0, 1:]) + sum(output.losses.values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        model.after_step(output.records)
    assert loss.item() < 0.2
