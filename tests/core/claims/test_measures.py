from pathlib import Path

import numpy as np
import pytest
import torch

from core.claims.arms import COMMON
from core.claims.bases import base
from core.claims.errors import ClaimError
from core.claims.measures.base import REGISTRY, Subject
from core.claims.measures.override import selecting
from core.claims.measures.tasks import jaccard
from core.claims.measures.vocabulary import measure
from core.claims.naming import ALWAYS, MEASURES
from core.data.base import Batch, Dataset
from core.data.load import load
from core.design.bodies.moe import Moe
from core.design.edit import Merge
from core.design.edits import apply
from core.design.facts import Event, MetricsRow
from core.design.plan import Plan
from core.design.presets.methods import method_edit
from core.design.spec import Design
from core.model.routing.context import RouteContext
from core.train.run import train

#: Figures of cost, which are counted and not measured.
COUNTED = {"parameters", "active_parameters", "flops", "expert_flops"}


def trained(folder: Path, method: str = "top-k", data: str = "table:wine", **body: object) -> Subject:
    """A small net after a few steps; `body` is written over its MoE layers."""
    dataset: Dataset = load(data, folder)
    design = base("digits-vit" if data == "digits" else "net", dataset.facts)
    for placed in [p for p in design.parts() if isinstance(p.part.body, Moe)]:
        for edit in (
            method_edit(design, placed.pointer, method),
            Merge(path=f"{placed.pointer}/body", values=body),
        ):
            result = apply(design, edit)
            assert isinstance(result, Design), result
            design = result
    plan = Plan.model_validate({**COMMON, "data": data, "steps": 4, "batch": 16, "evaluate_examples": 8})
    run = folder / "run"
    run.mkdir()
    for name, content in (("design", design), ("plan", plan)):
        (run / f"{name}.json").write_text(content.model_dump_json())
    train(run, design, plan, dataset, emit=lambda row: None, wanted=lambda: "run")
    return Subject(run, dataset)


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """Four narrow and four wide experts in two islands, two of them a token, one shared."""
    experts = [{"kind": "glu", "hidden": 8, "count": 4}, {"kind": "glu", "hidden": 24, "count": 4}]
    shared = [{"kind": "glu", "hidden": 8}]
    return trained(tmp_path_factory.mktemp("wine"), experts=experts, shared=shared, islands=2)


def test_every_name_is_measured_or_counted() -> None:
    assert set(REGISTRY) | COUNTED == {known.name for known in MEASURES}
    assert not set(REGISTRY) & COUNTED


def test_what_is_always_taken_agrees_with_the_evaluation_and_the_trace(wine: Subject) -> None:
    found = measure(wine, ALWAYS)
    alone = wine.evaluate(wine.model, wine.held_out)
    assert found["loss"] == alone["loss"]
    assert found["accuracy"] == wine.figures["accuracy/grower"]
    assert found["experts_per_token"] == 2.0
    (layer,) = wine.trace.layers
    load = np.bincount(layer.expert.ravel(), minlength=8)
    assert found["cv"] == pytest.approx(load.std() / load.mean())
    assert found["dead"] == (load == 0).sum()
    assert sum(wine.rates["encoder.0.0"]) == pytest.approx(2.0)


def test_domains_are_named_by_their_beginning(wine: Subject) -> None:
    first = wine.domains[0]
    assert measure(wine, [f"loss/{first}"])[f"loss/{first}"] == wine.figures[f"loss/{first}"]
    name = f"accuracy/grower/{first}"
    assert measure(wine, [name])[name] == wine.figures[name]
    with pytest.raises(ClaimError, match="No domain of table:wine begins with 'xor'"):
        measure(wine, ["experts_per_token/xor"])


def test_gaps_compare_training_with_held_out(wine: Subject) -> None:
    found = measure(wine, ["train_loss", "loss_gap", "train_accuracy", "gap"])
    assert found["loss_gap"] == pytest.approx(wine.figures["loss"] - found["train_loss"])
    assert found["gap"] == pytest.approx(found["train_accuracy"] - wine.figures["accuracy/grower"])
    (batch,) = wine.training
    assert sorted(batch.origin) == sorted(set(batch.origin))
    assert len(batch) == wine.dataset.facts.n_train


def test_widths_and_islands_are_those_of_the_experts_a_token_got(wine: Subject) -> None:
    found = measure(wine, ["active_width", "size_use_correlation", "islands_per_token"])
    (layer,) = wine.trace.layers
    wide = layer.expert >= 4
    assert found["active_width"] == pytest.approx(float((8 + 16 * wide).sum(1).mean()))
    load = np.bincount(layer.expert.ravel(), minlength=8)
    assert found["size_use_correlation"] == pytest.approx(np.corrcoef([0] * 4 + [1] * 4, load)[0, 1])
    assert found["islands_per_token"] == pytest.approx(float(1 + (wide[:, 0] != wide[:, 1]).mean()))


def test_violation_is_zero_where_the_best_experts_were_taken(wine: Subject) -> None:
    """Plain top-k takes the best wherever they stand; only half-precision may blur a tie."""
    assert measure(wine, ["alignment_violation"])["alignment_violation"] == pytest.approx(0, abs=1e-3)
    (layer,) = wine.trace.layers
    mean_E = layer.probability.astype(float).mean(0) * 8
    expected = (mean_E[:4].var() + mean_E[4:].var()) / 2
    assert measure(wine, ["cluster_variance"])["cluster_variance"] == pytest.approx(expected)


def test_the_trained_k_gives_the_trained_loss(wine: Subject) -> None:
    found = measure(wine, ["loss_at_k/2", "loss_at_k/8"])
    assert found["loss_at_k/2"] == pytest.approx(wine.figures["loss"], rel=1e-5)
    assert found["loss_at_k/8"] != pytest.approx(wine.figures["loss"], rel=1e-5)
    with pytest.raises(ClaimError, match="whole number"):
        measure(wine, ["loss_at_k/two"])


def test_leaving_experts_out_changes_the_loss_and_then_nothing(wine: Subject) -> None:
    before = wine.loss(wine.model)
    found = measure(wine, ["without_shared", "without_routed"])
    assert all(value != 0 for value in found.values())
    assert wine.loss(wine.model) == before
    with selecting(wine.model, lambda selected_TK, ranked, context: selected_TK):
        assert wine.loss(wine.model) == before


def test_only_uncertain_tokens_are_sent_at_random(wine: Subject) -> None:
    found = measure(wine, ["uncertain/1.01", "random_expert_damage/1.01", "uncertain/0", "uncertain"])
    assert (found["uncertain/1.01"], found["random_expert_damage/1.01"], found["uncertain/0"]) == (0, 0, 1)
    (layer,) = wine.trace.layers
    assert found["uncertain"] == pytest.approx(float((layer.entropy / np.log(8) >= 0.6).mean()))
    assert measure(wine, ["random_expert_damage/0"])["random_expert_damage/0"] != 0


def test_a_router_without_chance_agrees_with_itself(wine: Subject) -> None:
    found = measure(wine, ["disagreement", "ensemble_accuracy", "accuracy"])
    assert found["disagreement"] == 0
    assert found["ensemble_accuracy"] == pytest.approx(found["accuracy"])


def test_experts_that_choose_are_evaluated_on_batches_of_all_domains(tmp_path: Path) -> None:
    """Alone, a domain's tokens compete with each other for the experts they would share with others."""
    subject = trained(tmp_path, method="expert-choice")
    said: list[MetricsRow] = []
    train_again(subject, tmp_path / "again", said)
    assert said[-1].held_out == subject.figures
    by_domain = subject.dataset.held_out(subject.plan.evaluate_examples, context=1)
    (held,) = subject.held_out
    assert sorted(held.origin) == sorted(n for batch in by_domain for n in batch.origin)
    assert held.domain.tolist() != sorted(held.domain)
    alone = subject.evaluate(subject.model, by_domain)
    known = [name for name in alone if name.startswith("loss/")]
    assert len(known) == 3
    for name in known:
        number = subject.domains.index(name.removeprefix("loss/"))
        nll = [each for piece in held.pieces(16) for each in losses(subject, piece) if each[0] == number]
        assert subject.figures[name] == pytest.approx(np.mean([loss for _, loss in nll]), rel=1e-5)
        assert subject.figures[name] != pytest.approx(alone[name], rel=1e-4)
    # The trace is of the same batches: every expert has its share of each, whatever the domain.
    (layer,) = subject.trace.layers
    np.testing.assert_array_equal(subject.trace.tokens.domain, held.domain)
    assert np.bincount(layer.expert[:16][layer.accepted[:16]], minlength=8).tolist() == [4] * 8


def train_again(subject: Subject, folder: Path, said: list[MetricsRow]) -> None:
    """The same run once more, and its rows."""
    folder.mkdir()

    def emit(record: MetricsRow | Event) -> None:
        said.extend([record] if isinstance(record, MetricsRow) else [])

    train(folder, subject.design, subject.plan, subject.dataset, emit=emit, wanted=lambda: "run")


@torch.no_grad()
def losses(subject: Subject, batch: Batch) -> list[tuple[int, float]]:
    """(domain, loss) of each example of one batch, by hand."""
    logits = subject.model(torch.from_numpy(batch.inputs), subject.passing(batch)).logits["grower"]
    nll_B = -logits.log_softmax(-1)[torch.arange(len(batch)), torch.from_numpy(batch.targets["grower"])]
    return list(zip(batch.domain.tolist(), nll_B.tolist(), strict=True))


def test_random_experts_disagree(tmp_path: Path) -> None:
    subject = trained(tmp_path, method="random", experts=[{"kind": "glu", "hidden": 64, "count": 8}])
    assert measure(subject, ["disagreement"])["disagreement"] > 0


def test_without_shared_experts_there_is_no_figure_and_soft_layers_have_no_load(tmp_path: Path) -> None:
    subject = trained(tmp_path, method="all-experts")
    found = measure(subject, ["without_shared", "experts_per_token"])
    assert found["without_shared"] is None
    assert found["experts_per_token"] in (8.0, None)


def test_tasks_are_asked_of_the_same_examples(tmp_path: Path) -> None:
    subject = trained(tmp_path, method="m3vit", data="digits")
    found = measure(subject, ["task_overlap/digit/digit", "task_overlap/digit/parity", "task_overlap"])
    assert found["task_overlap/digit/digit"] == 1
    assert 0 <= found["task_overlap/digit/parity"] < 1
    with pytest.raises(ClaimError, match="two of"):
        measure(subject, ["task_overlap/digit/nobody"])


def test_tasks_may_take_as_many_experts_as_they_need(tmp_path: Path) -> None:
    """Batches whose tokens took more experts stand beside those that took fewer."""
    router = {
        "score": {"kind": "linear"},
        "condition": {"kind": "task_gate"},
        "select": {"kind": "top_p", "p": 0.26},
        "weigh": {"kind": "raw"},
        "combine": {"kind": "output_mix"},
    }
    subject = trained(tmp_path, data="digits", router=router)
    subject.plan = subject.plan.replaced(batch=1)
    assert 0 < measure(subject, ["task_overlap"])["task_overlap"] <= 1
    widths = {
        record.expert_TK.shape[1]
        for _, out in subject.outputs(record="full")
        for record in out.records.values()
    }
    assert len(widths) > 1


def test_routes_tell_families_where_each_has_experts_of_its_own(tmp_path: Path) -> None:
    """Tasks are left-1 to left-3 and right-1 to right-3; here a rule gives each family its own experts."""
    subject = trained(tmp_path, method="m3vit", data="skills")
    found = measure(subject, ["route_family_nmi"])["route_family_nmi"]
    assert found is not None
    assert 0 <= found < 1
    own = {"left": 0, "right": 4}
    names = [head.name.split("-")[0] for head in subject.design.task.heads_out]

    def by_family(selected_TK: torch.Tensor, ranked: object, context: RouteContext) -> torch.Tensor:
        first_T = torch.tensor([own.get(name, 0) for name in names])[context.task_T]
        return first_T[:, None] + torch.arange(selected_TK.shape[1])

    with selecting(subject.model, by_family):
        assert measure(subject, ["route_family_nmi"])["route_family_nmi"] == pytest.approx(1.0)


def test_overlap_of_sets() -> None:
    first = torch.tensor([[0, 1], [2, -1], [-1, -1], [4, 5]])
    second = torch.tensor([[1, 2], [2, -1], [-1, -1], [6, 7]])
    assert jaccard(first, second) == pytest.approx((1 / 3 + 1 + 0) / 3)


def test_the_gate_needs_only_the_seed(wine: Subject) -> None:
    found = measure(wine, ["fisher/linear", "fisher/tanh"])
    assert abs(found["fisher/linear"]) < 1e-12 < 1e-8 < found["fisher/tanh"]
