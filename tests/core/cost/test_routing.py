"""What routing costs beside multiply-adds, for every method, against counts by hand and by draws."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from math import ceil

import numpy as np
import pytest

from core.cost.count import count
from core.cost.flops import flops
from core.cost.formats import widths
from core.cost.formulas import FORMULAS
from core.cost.routing import evenly_visited, rates_of, routing_figures, seen
from core.cost.scenario import Scenario
from core.cost.work import hits
from core.design.bodies.moe import Moe
from core.design.plan import Plan
from core.design.presets.registry import preset
from core.design.spec import Design
from core.design.suited import suited
from core.model.routing.select.expert_choice import places
from core.trace.record import LayerHeader
from tests.core.cost.test_counter_methods import NAMES, design_of
from tests.core.design.samples import with_body
from tests.core.trace.make import make_trace


def figures(design: Design, **more):
    return routing_figures(design, suited(Plan(), design).objective, **more)


def with_k(k: int) -> Design:
    """Four experts, k of them for a token, where `make_trace` has them."""
    experts = [{"kind": "glu", "count": 4, "hidden": 8}]
    return with_body(experts=experts, router={"select": {"kind": "top_k", "k": k}})


def changed(name: str, **body) -> Design:
    """A method with fields of its MoE body replaced; `router` is merged."""
    document = design_of(name).model_dump(mode="json")
    for repeat in document["stacks"][0]["layers"]:
        for layer in repeat["pattern"]:
            for part in layer["parts"]:
                if part["body"]["kind"] == "moe":
                    part["body"]["router"] |= body.get("router", {})
                    part["body"] |= {key: value for key, value in body.items() if key != "router"}
    return Design.model_validate(document)


@pytest.mark.parametrize("name", NAMES)
def test_every_method_has_figures_with_a_formula(name):
    found = figures(design_of(name))
    assert {"experts a token", "experts a token, in training", "training step"} <= set(found)
    assert all(figure.formula in FORMULAS for figure in found.values())
    assert found["training step"].value == pytest.approx(
        dict(found["training step"].inputs)["passes"] * flops(count(design_of(name), training=True)).train
    )


@pytest.mark.parametrize(
    ("name", "trained", "training"),
    [
        ("top-k", 2, 2),
        ("deepseek-moe", 7, 7),
        ("hash", 1, 1),
        ("thor", 1, 1),
        ("sam", 2, 2),
        ("expert-choice", 2, 2),
        ("base", 1, 1),
        ("all-experts", 8, 8),
        ("task-level", 1, 8),
        ("smear", 1, 1),
        ("smoe-dropout", 8, 5),
    ],
)
def test_experts_a_token_follow_from_the_design(name, trained, training):
    found = figures(design_of(name))
    pair = found["experts a token"], found["experts a token, in training"]
    assert [figure.grade for figure in pair] == ["exact", "exact"]
    assert [figure.value for figure in pair] == pytest.approx([trained, training], abs=1e-3)


@pytest.mark.parametrize("name", ["top-p", "dense-to-sparse", "hmoe"])
def test_what_scores_decide_is_a_prior_from_one_to_all(name):
    found = figures(design_of(name))["experts a token"]
    assert (found.grade, found.low, found.high) == ("prior", 1, 8)


def test_capacity_drops_an_unknown_share():
    found = figures(design_of("gshard"))["experts a token, in training"]
    assert (found.grade, found.low, found.high) == ("prior", 0, 2)


def test_uncertain_tokens_go_to_all_in_training_only():
    design = design_of("gw-moe")
    found = figures(design)
    assert found["experts a token"].grade == "exact"
    assert (found["experts a token, in training"].value, found["experts a token, in training"].high) == (2, 8)
    paths = [o.path for o in design.occurrences() if isinstance(o.part.body, Moe)]
    every = flops(count(design, dict.fromkeys(paths, (1.0,) * 8), training=True)).train
    step = found["training step"]
    assert (step.low, step.high) == pytest.approx((flops(count(design, training=True)).train, every))


@pytest.mark.parametrize(("name", "passes"), [("top-k", 1), ("thor", 2), ("m3vit", 3)])
def test_a_training_step_has_the_passes_of_its_objective(name, passes):
    assert dict(figures(design_of(name))["training step"].inputs)["passes"] == passes


@pytest.mark.parametrize(("islands", "inside", "k"), [(4, 2, 2), (4, 2, 3), (2, 4, 5), (3, 1, 2), (1, 6, 4)])
def test_devices_of_an_even_choice_are_the_mean_over_all_choices(islands, inside, k):
    choices = list(combinations(range(islands * inside), k))
    mean = sum(len({expert // inside for expert in chosen}) for chosen in choices) / len(choices)
    assert evenly_visited(islands, inside, k) == pytest.approx(mean)


def test_devices_and_what_travels():
    top = figures(changed("top-k", islands=4))
    assert top["devices a token is sent to"].value == pytest.approx(evenly_visited(4, 2, 2))
    assert top["all-to-all, each way"].value == pytest.approx(evenly_visited(4, 2, 2) * 24 * 2)
    sam = figures(design_of("sam"))
    assert (sam["devices a token is sent to"].value, sam["devices a token is sent to"].grade) == (1, "exact")
    assert sam["all-to-all, each way"].value == 24 * 2
    group = figures(changed("deepseek-v3"))["devices a token is sent to"]
    body = next(p.part.body for p in design_of("deepseek-v3").parts() if isinstance(p.part.body, Moe))
    select = body.router.select
    assert 1 <= group.value <= group.high <= min(select.k, select.top_islands)
    assert group.low == ceil(select.k / (8 // body.islands))
    assert "devices a token is sent to" not in figures(design_of("top-k"))


@pytest.mark.parametrize("name", ["smear", "task-level", "skillnet"])
def test_where_experts_come_to_tokens_nothing_travels(name):
    found = figures(changed(name, islands=4))
    assert found["devices a token is sent to"].value == found["all-to-all, each way"].value == 0


@dataclass(frozen=True)
class Layer:
    path: str
    expert: np.ndarray
    accepted: np.ndarray
    soft: bool = False
    experts: int = 8


def test_a_trace_replaces_what_is_expected():
    design = changed("top-k", islands=4)
    path = next(o.path for o in design.occurrences() if isinstance(o.part.body, Moe))
    expert = np.array([[0, 1], [0, 7], [2, 5], [3, -1]])
    accepted = np.array([[True, True], [True, True], [True, False], [True, False]])
    found = seen(design, [Layer(path, expert, accepted)])
    assert found[path].rates == (0.5, 0.25, 0.25, 0.25, 0, 0, 0, 0.25)
    assert found[path].islands == (1 + 2 + 1 + 1) / 4
    said = figures(design, measured=found)
    assert said["experts a token"].value == 6 / 4
    assert said["devices a token is sent to"].value == 5 / 4
    # Islands got 3, 2, 0 and 1 rows.
    assert said["fullest device over the mean"].value == 3 / 1.5
    assert count(design, rates_of(found)).measured


def test_a_trace_of_another_design_is_refused():
    design = design_of("top-k")
    path = next(o.path for o in design.occurrences() if isinstance(o.part.body, Moe))
    expert = np.array([[0, 1]])
    with pytest.raises(ValueError, match="has 8 experts, and was traced with 4"):
        seen(design, [Layer(path, expert, expert >= 0, experts=4)])
    with pytest.raises(ValueError, match="no such part of this design is routed"):
        seen(design, [Layer("decoder.99.1", expert, expert >= 0)])


def test_a_step_touches_all_experts_where_each_takes_its_share():
    def touched(name: str, phase: str, rows: int = 96) -> float:
        counts = count(design_of(name), training=phase == "train")
        (part,) = [part for part in counts.parts if part.groups]
        return sum(hits(part, Scenario(phase, rows // 16, 16, widths("bf16"), "bf16")))

    assert [touched(name, "prefill") for name in ("expert-choice", "soft-moe", "smear")] == [8, 8, 8]
    assert touched("base", "train") == 8
    assert touched("thor", "train") == 1
    assert touched("thor", "prefill") > 7.9
    assert touched("random", "train") > 7.9


def test_unequal_experts_padded_to_the_widest():
    body = next(p.part.body for p in design_of("hmoe").parts() if isinstance(p.part.body, Moe))
    widths = body.widths()
    found = figures(design_of("hmoe"))["experts padded to the widest"]
    assert found.value == pytest.approx(max(widths) * 8 / sum(widths))


def test_fine_grained_experts_as_published():
    """arXiv 2401.06066: 16.4 B parameters, 2.8 B of them active; 6 of 64 routed experts and 2 shared ones."""
    design = preset("deepseek-moe-16b")
    body = next(p.part.body for p in design.parts() if isinstance(p.part.body, Moe))
    assert (body.count, body.per_token, body.widths()[0], design.width) == (64, 6, 1408, 2048)
    assert sum(group.count * group.inner for group in body.shared) == 2 * 1408
    counts = count(design)
    assert round(counts.total / 1e9, 1) == 16.4
    assert round(counts.active("R1") / 1e9, 1) == 2.8
    assert figures(design)["experts a token"].value == 6


def test_published_tokens_of_an_expert_that_chooses():
    """arXiv 2202.09368: C = c T / E."""
    assert places(2, 8, 1024) == 256


def test_published_gate():
    body = next(p.part.body for p in preset("deepseek-v3").parts() if isinstance(p.part.body, Moe))
    select, weigh = body.router.select, body.router.weigh
    assert (body.count, body.islands, body.widths()[0], preset("deepseek-v3").width) == (256, 8, 2048, 7168)
    assert (select.k, select.top_islands, weigh.scale) == (8, 4, 2.5)
    assert [(group.count, group.hidden) for group in body.shared] == [(1, 2048)]


@pytest.mark.parametrize(
    ("traced", "design", "words"),
    [
        (make_trace(k=2), with_k(1), "picks 1 of 4 experts; traced, it picked 2"),
        (make_trace(k=1), with_k(2), "picks 2 of 4 experts; traced, it picked 1"),
        (make_trace(experts=8), with_k(2), "has 4 experts, and was traced with 8"),
    ],
)
def test_a_load_of_another_router_is_refused(traced, design, words):
    with pytest.raises(ValueError, match=words) as raised:
        seen(design, traced.layers)
    assert "To fix this" in str(raised.value)
    assert seen(with_k(2), make_trace(k=2).layers).keys() == {"decoder.0.1"}


def test_a_load_of_selected_experts_says_nothing_of_mixed_ones():
    soft = replace(make_trace().layers[0], header=LayerHeader(path="decoder.0.1", experts=4, k=0, soft=True))
    with pytest.raises(ValueError, match="picks some of its experts, and was traced where it mixed all"):
        seen(with_k(2), [soft])
