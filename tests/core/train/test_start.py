"""Parameters that stay as they are, and runs that begin from another's weights."""

import shutil
from pathlib import Path

import pytest
import torch

from core.data.errors import DataError
from core.design.plan import Plan
from core.design.rules import check, errors
from core.design.spec import Design
from core.design.suited import difference
from core.model.build import build
from core.train import checkpoint
from core.train.errors import TrainingError
from core.train.run import resolve
from core.train.start import begin_from, freeze
from tests.core.train.tiny import Killed, Run, killed_at, text_data, tiny_design, tiny_plan


def weights(run: Run, step: int) -> dict[str, torch.Tensor]:
    return checkpoint.load(run.folder, step).model


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("data") / "parent-1")
    run.train()
    return run


def test_frozen_parameters_stay_and_have_no_optimizer_state(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", tiny_plan(freeze=("ends", "layers.decoder.0.1.body.router")))
    run.train()
    before = build(run.design, seed=run.plan.seed).state_dict()
    after = weights(run, 12)
    names = [name for name, _ in build(run.design, seed=0).named_parameters()]
    frozen = {name for name in names if name.startswith(("ends.", "layers.decoder.0.1.body.router."))}
    assert frozen
    assert len(frozen) < len(names)
    for name in names:
        assert torch.equal(before[name], after[name]) is (name in frozen), name
    state = {key.rsplit("/", 1)[0] for key in checkpoint.load(run.folder, 12).optimizer}
    assert state == set(names) - frozen


def test_frozen_and_killed_is_as_if_it_was_not(tmp_path: Path) -> None:
    plan = tiny_plan(freeze=("layers.decoder.0.1",))
    whole, broken = Run(tmp_path / "a", plan), Run(tmp_path / "b", plan)
    whole.train()
    with pytest.raises(Killed):
        broken.train(emit=killed_at(9, broken.said))
    broken.train()
    for name, tensor in weights(whole, 12).items():
        assert torch.equal(tensor, weights(broken, 12)[name]), name


def test_a_prefix_ends_where_a_part_of_a_name_ends() -> None:
    model = torch.nn.ModuleDict({"layer": torch.nn.ModuleList([torch.nn.Linear(1, 1) for _ in range(11)])})
    freeze(model, ("layer.1.",))
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen == {"layer.1.weight", "layer.1.bias"}


@pytest.mark.parametrize(
    ("prefixes", "says"),
    [
        (("layers.decoder.0.1.body.ruter",), "ruter'.*To fix this.*layers.decoder.0.1.body.router"),
        (("zzz",), "'zzz'.*To fix this, write for example ends, final_norm, layers"),
        (("",), "To fix this"),
        (("layers.decoder.0.1.body.rout",), "no parameter's name begins so"),
        (("layers.decoder.0.1.body.balance",), "no parameter's name begins so"),
        (("layers", "ends", "final_norm"), "every parameter.*To fix this"),
    ],
)
def test_a_wrong_freeze_is_said_before_any_step(tmp_path: Path, prefixes: tuple[str, ...], says: str) -> None:
    run = Run(tmp_path / "run", tiny_plan(freeze=prefixes))
    with pytest.raises(TrainingError, match=says):
        run.train()
    assert run.said == []
    with pytest.raises(TrainingError, match=says):
        resolve(run.design, Plan(seconds=1, freeze=prefixes), run.data)


def child(parent: Run, name: str, **values: object) -> Run:
    """A run beside its parent, of another seed, so that its own first weights are others."""
    return Run(parent.folder.parent / name, tiny_plan(seed=5, start_from=parent.folder.name, **values))


def test_a_run_begins_with_the_weights_of_another(parent: Run) -> None:
    run = child(parent, "child")
    run.train()
    assert run.rows()[0].held_out["loss"] == parent.rows()[12].held_out["loss"]
    (event,) = run.events("start_from")
    assert event.text == "Begins with the weights of step 12 of parent-1."


@pytest.mark.parametrize("step", [1, 5, 9])
def test_a_begun_run_goes_on_without_the_other(parent: Run, tmp_path: Path, step: int) -> None:
    shutil.copytree(parent.folder, tmp_path / "parent-1")
    copy = Run(tmp_path / "parent-1")
    whole, broken = (
        child(copy, "whole", freeze=("ends.embedding",)),
        child(copy, "broken", freeze=("ends.embedding",)),
    )
    whole.train()
    with pytest.raises(Killed):
        broken.train(emit=killed_at(step, broken.said))
    shutil.rmtree(copy.folder)
    assert broken.train() == "done"
    assert broken.rows() == whole.rows()
    for name, tensor in weights(whole, 12).items():
        assert torch.equal(tensor, weights(broken, 12)[name]), name


def test_another_design_of_the_same_shapes_may_begin_from_it(parent: Run) -> None:
    document = parent.design.model_dump()
    document["stacks"][0]["layers"][0]["pattern"][0]["parts"][1]["body"]["router"]["modifiers"] = []
    design = Design.model_validate(document)
    assert design.sha != parent.design.sha
    model = build(design, seed=9)
    said = begin_from(model, parent.folder.parent / "new", "parent-1")
    assert said == "Begins with the weights of step 12 of parent-1."
    for name, tensor in weights(parent, 12).items():
        assert torch.equal(model.state_dict()[name], tensor)


def test_trained_experts_may_get_another_router(parent: Run) -> None:
    document = parent.design.model_dump(mode="json")
    body = document["stacks"][0]["layers"][0]["pattern"][0]["parts"][1]["body"]
    body["router"]["condition"] = {"kind": "task_concat", "dim": 3}
    body["balance"] = []
    model = build(Design.model_validate(document), seed=9)
    drawn = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    said = begin_from(model, parent.folder.parent / "new", "parent-1")
    router = "layers.decoder.0.1.body.router"
    assert f"New, as first drawn: {router}.condition.task_embedding, {router}.condition.task_weight." in said
    assert "Left behind: layers.decoder.0.1.body.balance.0.bias" in said
    trained = weights(parent, 12)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, drawn[name] if "condition" in name else trained[name]), name


def test_flat_selection_becomes_grouped_over_the_same_weights(parent: Run) -> None:
    document = parent.design.model_dump(mode="json")
    body = document["stacks"][0]["layers"][0]["pattern"][0]["parts"][1]["body"]
    body["islands"] = 2
    body["router"]["select"] = {"kind": "group_top_k", "top_islands": 1, "k": 2}
    model = build(Design.model_validate(document), seed=9)
    assert begin_from(model, parent.folder.parent / "new", "parent-1").endswith("of parent-1.")
    for name, tensor in weights(parent, 12).items():
        assert torch.equal(model.state_dict()[name], tensor)


def test_routes_that_were_learned_may_get_new_experts(parent: Run) -> None:
    here = parent.folder.parent / "new"
    document = parent.design.model_dump(mode="json")
    document["stacks"][0]["layers"][0]["pattern"][0]["parts"][1]["body"]["experts"][0]["hidden"] = 6
    wider = Design.model_validate(document)
    model = build(wider, seed=9)
    drawn = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    said = begin_from(model, here, "parent-1", "routers")
    assert said.startswith("Begins with the routers of step 12 of parent-1. New, as first drawn: ")
    taken, trained = [], weights(parent, 12)
    for name, tensor in model.state_dict().items():
        routes = ".body.router." in name or ".body.balance." in name
        assert torch.equal(tensor, trained[name] if routes else drawn[name]), name
        taken += [name] * routes
    assert len(taken) == 2
    assert difference(wider, parent.design, "routers") == ""
    assert difference(wider, parent.design).startswith("gate_up of decoder.0.1 is 4 x 8 x 8 there and 4 x 12")
    alone = {"score": {"kind": "uniform"}, "select": {"kind": "sample_one"}, "weigh": {"kind": "ones"}}
    body = tiny_design().model_dump(mode="json")
    part = body["stacks"][0]["layers"][0]["pattern"][0]["parts"][1]["body"]
    part["balance"], part["router"] = [], {**alone, "combine": {"kind": "output_mix"}}
    random = Design.model_validate(body)
    with pytest.raises(TrainingError, match=r"No router of parent-1 fits one of this design\. To fix this"):
        begin_from(build(random, seed=0), here, "parent-1", "routers")
    assert difference(random, parent.design, "routers") == "none of its routers is like one of these"


def test_a_run_may_begin_with_the_routers_of_another(parent: Run) -> None:
    run = child(parent, "routed", start_with="routers", steps=1)
    run.train()
    (event,) = run.events("start_from")
    assert event.text.startswith("Begins with the routers of step 12 of parent-1.")
    assert run.rows()[0].held_out["loss"] != parent.rows()[12].held_out["loss"]


def test_another_shape_is_refused_by_name(parent: Run) -> None:
    wider = Design.model_validate(parent.design.model_dump() | {"width": 16})
    here = parent.folder.parent / "new"
    with pytest.raises(
        TrainingError, match=r"do not fit this design: \S+ is 256 x 8 there and 256 x 16 here"
    ):
        begin_from(build(wider, seed=0), here, "parent-1")
    shared = tiny_design(shared=[{"kind": "glu", "hidden": 4}])
    with pytest.raises(TrainingError, match=r"it has no \S*shared\S*\. To fix this"):
        begin_from(build(shared, seed=0), here, "parent-1")


def test_a_stack_that_is_called_router_is_none(parent: Run) -> None:
    document = parent.design.model_dump()
    document["stacks"][0]["name"] = "router"
    model = build(Design.model_validate(document), seed=0)
    with pytest.raises(TrainingError, match=r"it has no layers\.router\."):
        begin_from(model, parent.folder.parent / "new", "parent-1")


@pytest.mark.parametrize("name", ["../parent-1", "/etc", "", "no-such-run", "new", "..", "Parent-1"])
def test_no_such_run(parent: Run, name: str) -> None:
    folder = parent.folder.parent / "new"
    folder.mkdir(exist_ok=True)
    with pytest.raises(TrainingError, match=r"no other run.*To fix this"):
        begin_from(build(parent.design, seed=0), folder, name)


def test_a_run_without_a_whole_checkpoint(parent: Run) -> None:
    (parent.folder.parent / "empty").mkdir()
    with pytest.raises(TrainingError, match=r"no whole checkpoint.*To fix this"):
        begin_from(build(parent.design, seed=0), parent.folder.parent / "new", "empty")


def test_the_plans_context_is_what_is_trained_and_traced(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", tiny_plan(context=6))
    assert run.design.task.tokens == 8
    assert errors(check(run.design, run.plan, run.data.facts, stage="train")) == ()
    assert run.train() == "done"
    layer = run.rows()[5].layers[0]
    assert sum(layer.load) == round(5 * 4 * 6 * 2 * (1 - layer.drop_rate))
    (event,) = run.events("trace")
    assert f"{2 * 3 * 6} tokens" in event.text


def test_the_plans_mixture_is_what_is_trained(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", tiny_plan(mixture={"vowels": 1.0}))
    run.train()
    assert run.rows()[5].domain_loss.keys() == {"vowels"}
    assert {"loss/vowels", "loss/digits"} <= run.rows()[12].held_out.keys()
    wrong = Run(tmp_path / "wrong", tiny_plan(mixture={"vowel": 1.0}))
    with pytest.raises(DataError, match=r"'vowel'.*To fix this, write 'vowels'"):
        wrong.train()
    with pytest.raises(DataError, match=r"'vowel'"):
        resolve(tiny_design(), Plan(steps=2, mixture={"vowel": 1.0}), text_data())
