"""Rules about scopes, selectors, the uncertain rule and balancers: each in both directions."""

from __future__ import annotations

from typing import Any

import pytest

from core.design.edits import apply
from core.design.facts import DataFacts
from core.design.rules import check, errors
from core.design.spec import Design
from tests.core.design.samples import digits_with_body, with_body
from tests.core.design.test_rules import codes

TOP_1 = {"kind": "top_k", "k": 1}
RAW = {"kind": "raw"}
ONES = {"kind": "ones"}
UNIFORM = {"kind": "uniform"}
SAMPLE = {"select": {"kind": "sample_one"}, "weigh": ONES}
GIVEN = {"score": {"kind": "given"}, "condition": {"kind": "task_embedding"}, "weigh": RAW}
TABLE = {"score": {"kind": "table"}, "select": {"kind": "table"}, "weigh": ONES}
FROZEN = {"score": {"kind": "frozen_linear"}}
CHOICE = {"kind": "expert_choice"}
ASSIGN = {"kind": "assign"}
HASH = {"score": {"kind": "table", "source": "lsh"}, "select": {"kind": "table"}, "weigh": ONES}

SCOPES = ("token", "example", "position", "task", "batch")
#: Scores by how they see tokens: each token, or none.
READERS: dict[str, dict[str, Any]] = {
    "linear": {"score": {"kind": "linear"}},
    "noisy_linear": {"score": {"kind": "noisy_linear"}},
    "cosine": {"score": {"kind": "cosine"}},
    "frozen_linear": FROZEN,
    "activation_linear": {"score": {"kind": "activation_linear"}},
    "lsh": HASH,
}
BLIND: dict[str, dict[str, Any]] = {"given": GIVEN, "uniform": {"score": UNIFORM, **SAMPLE}}


def looking(design: Design) -> int:
    return codes(design)["looks-ahead"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("score", READERS)
def test_a_pooled_decision_of_what_is_read_looks_ahead_in_a_causal_stack_only(scope: str, score: str) -> None:
    router = {"scope": scope, **READERS[score]}
    pools = scope in ("example", "task", "batch")
    assert looking(with_body(router=router, balance=[])) == pools
    assert looking(digits_with_body(router=router, balance=[])) == 0


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("score", BLIND)
def test_a_decision_that_reads_no_token_never_looks_ahead(scope: str, score: str) -> None:
    assert looking(with_body(router={"scope": scope, **BLIND[score]}, balance=[])) == 0


@pytest.mark.parametrize("scope", SCOPES)
def test_every_scope_trains(scope: str) -> None:
    assert "not-built" not in codes(digits_with_body(router={"scope": scope}), stage="train")


def test_a_task_scope_needs_data_with_tasks() -> None:
    design = digits_with_body(router={"scope": "task"})
    size = {"height": 8, "width": 8, "channels": 1}
    facts = DataFacts(name="digits", kind="image", heads=design.task.heads_out, n_train=99, **size)
    assert codes(design, stage="train", data=facts)["no-tasks"] == 1
    told = facts.model_copy(update={"has_task_id": True})
    assert codes(design, stage="train", data=told)["no-tasks"] == 0


@pytest.mark.parametrize("select", [CHOICE, ASSIGN], ids=["expert_choice", "assign"])
def test_what_exact_balance_leaves_nothing_to_do_for_is_refused_beside_it(select: dict[str, Any]) -> None:
    plain = digits_with_body(router={"select": select, "weigh": RAW}, balance=[])
    assert codes(plain)["already-balanced"] == 0
    for beside in ({"capacity": {}}, {"uncertain": {}}):
        design = digits_with_body(router={"select": select, "weigh": RAW, **beside}, balance=[])
        assert codes(design)["already-balanced"] == 1
    for kind in ("load_balance", "bias_update", "importance_load_cv"):
        design = digits_with_body(router={"select": select, "weigh": RAW}, balance=[{"kind": kind}])
        assert codes(design)["already-balanced"] == 1
    assert looking(with_body(router={"select": select, "weigh": RAW}, balance=[])) == 1


REFUSED = [
    pytest.param(
        "uncertain-needs-choice", {"uncertain": {}, "score": UNIFORM, **SAMPLE}, id="broadcast-thor"
    ),
    pytest.param("uncertain-needs-choice", {"uncertain": {}, **FROZEN}, id="broadcast-frozen"),
    pytest.param("uncertain-needs-choice", {"uncertain": {}, **TABLE}, id="broadcast-hash"),
    pytest.param("uncertain-needs-choice", {"uncertain": {}, "select": {"kind": "all"}}, id="broadcast-all"),
    pytest.param("sample-condition", {**SAMPLE, "condition": {"kind": "task_gate"}}, id="sample-condition"),
    pytest.param("sample-capacity", {**SAMPLE, "capacity": {}}, id="sample-capacity"),
    pytest.param("renormalised-logits", {"score_function": "none"}, id="renormalised-logits"),
    pytest.param(
        "random-second", {"select": {"kind": "top_k", "k": 3, "random_second": True}}, id="second-of-three"
    ),
    pytest.param(
        "random-second",
        {"select": {"kind": "top_k", "k": {"kind": "linear", "start": 3, "end": 2}, "random_second": True}},
        id="second-of-a-schedule",
    ),
]


@pytest.mark.parametrize(("code", "router"), REFUSED)
def test_it_is_refused_and_each_fix_mends_it(code: str, router: dict[str, Any]) -> None:
    design = with_body(router=router, balance=[])
    found = [p for p in errors(check(design)) if p.code == code]
    assert len(found) == 1
    assert found[0].edits
    for edit in found[0].edits:
        mended = apply(design, edit)
        assert isinstance(mended, Design)
        assert codes(mended)[code] == 0
        assert {p.code for p in errors(check(mended))} <= {p.code for p in errors(check(design))}


ALLOWED = [
    pytest.param({"uncertain": {}}, id="broadcast-mixtral"),
    pytest.param({"uncertain": {"slots": 4}, "select": TOP_1, "weigh": RAW}, id="broadcast-switch"),
    pytest.param({"uncertain": {}, "select": {"kind": "top_p"}, "weigh": RAW}, id="broadcast-top-p"),
    pytest.param({"uncertain": {}, "capacity": {}}, id="broadcast-capacity"),
    pytest.param({"score_function": "none", "weigh": RAW}, id="raw-logits"),
    pytest.param({"select": {"kind": "top_k", "k": 2, "random_second": True}}, id="gshard"),
    pytest.param({"score": UNIFORM, **SAMPLE}, id="thor"),
]


@pytest.mark.parametrize("router", ALLOWED)
def test_its_legal_neighbour_trains(router: dict[str, Any]) -> None:
    assert errors(check(with_body(router=router, balance=[]), stage="train")) == ()


@pytest.mark.parametrize("kind", ["entropy", "z_loss"])
def test_a_balancer_of_distributions_wants_softmax(kind: str) -> None:
    for function, wanted in (("softmax", 0), ("sigmoid", 1), ("none", 1)):
        router = {"score_function": function, "weigh": RAW}
        assert codes(with_body(router=router, balance=[{"kind": kind}]))["needs-distribution"] == wanted


@pytest.mark.parametrize(
    "kind", ["load_balance", "z_loss", "entropy", "alignment", "cluster_variance", "param_penalty"]
)
@pytest.mark.parametrize(
    "router", [FROZEN, TABLE, {"score": UNIFORM, **SAMPLE}], ids=["frozen", "table", "uniform"]
)
def test_a_loss_that_trains_only_the_router_needs_one_that_learns(kind: str, router: dict[str, Any]) -> None:
    assert codes(with_body(router=router, balance=[{"kind": kind}]))["nothing-to-train"] == 1
    assert codes(with_body(balance=[{"kind": kind}]))["nothing-to-train"] == 0


@pytest.mark.parametrize("kind", ["top_p", "threshold", "all", "sample_one", "table"])
def test_a_selection_bias_steers_top_k_only(kind: str) -> None:
    router = {"select": {"kind": kind}, "weigh": RAW}
    assert codes(with_body(router=router, balance=[{"kind": "bias_update"}]))["bias-needs-top-k"] == 1
    grouped = {"select": {"kind": "group_top_k", "k": 2, "top_islands": 1}}
    for fits in ({}, grouped):
        design = with_body(router=fits, balance=[{"kind": "bias_update"}], islands=2)
        assert codes(design)["bias-needs-top-k"] == 0


def test_alignment_with_one_island_is_warned_about() -> None:
    alignment = [{"kind": "alignment"}]
    assert codes(with_body(balance=alignment))["alignment-one-island"] == 1
    assert codes(with_body(balance=alignment, islands=2))["alignment-one-island"] == 0


def test_a_capacity_says_which_k_it_is_for() -> None:
    def said(select: dict[str, Any]) -> list[str]:
        design = with_body(router={"select": select, "weigh": RAW, "capacity": {}})
        return [p.message for p in check(design) if p.code == "capacity-ragged"]

    assert said({"kind": "top_p", "max_k": 3}) == [
        "Capacity is computed for 3 experts a token, the most it may take."
    ]
    assert "changes in training" in said({"kind": "top_k", "k": {"kind": "linear", "start": 4, "end": 2}})[0]
    assert said({"kind": "top_k", "k": 3}) == []


def test_a_random_expert_is_not_exported_and_the_mean_of_all_is() -> None:
    design = with_body(router={"score": UNIFORM, **SAMPLE}, balance=[])
    assert codes(design, stage="train")["sample-export"] == 0
    (problem,) = (p for p in check(design, stage="export:onnx") if p.code == "sample-export")
    for edit in problem.edits:
        mended = apply(design, edit)
        assert isinstance(mended, Design)
        assert errors(check(mended, stage="export:onnx")) == ()


SHARED = [{"kind": "glu", "hidden": 32}]
UNEQUAL = [{"kind": "glu", "count": 4, "hidden": 32}, {"kind": "glu", "count": 4, "hidden": 96}]
#: Each expert cut in four (arXiv 2401.06066).
FINE = [{"kind": "glu", "count": 32, "hidden": 8}]
TOP_7 = {"select": {"kind": "top_k", "k": 7}, "weigh": RAW}
TOP_P = {"select": {"kind": "top_p", "p": 0.6}, "weigh": RAW}
ISLAND = {"select": {"kind": "group_top_k", "k": 2, "top_islands": 1, "island_score": "sum"}, "weigh": RAW}
ANNEALED = {"kind": "temperature", "value": {"kind": "exponential", "start": 2.0, "end": 0.3}}
MIXES: dict[str, dict[str, Any]] = {
    "unequal experts, top-p, shared": {
        "experts": UNEQUAL,
        "shared": SHARED,
        "router": TOP_P,
        "balance": [{"kind": "param_penalty"}, {"kind": "entropy"}],
    },
    "bias and islands": {
        "router": {"select": ISLAND["select"], "score_function": "sigmoid"},
        "islands": 2,
        "balance": [{"kind": "bias_update"}],
    },
    "one island, shared": {
        "router": ISLAND,
        "shared": SHARED,
        "islands": 2,
        "balance": [{"kind": "load_balance"}, {"kind": "alignment"}],
    },
    "a temperature over islands": {"router": {**ISLAND, "modifiers": [ANNEALED]}, "islands": 2},
    "broadcast over islands": {"router": {**ISLAND, "uncertain": {}}, "islands": 2},
    "a router for each task over fine experts, shared": {
        "experts": FINE,
        "shared": SHARED,
        "router": {"condition": {"kind": "task_gate"}, "score": {"kind": "noisy_linear"}, **TOP_7},
        "balance": [{"kind": "importance_load_cv"}],
    },
    "dropped experts of clusters, fine and shared": {
        "experts": FINE,
        "shared": SHARED,
        "islands": 4,
        "router": {"modifiers": [{"kind": "drop_experts", "rate": 0.5}], **TOP_7},
        "balance": [{"kind": "load_balance"}, {"kind": "cluster_variance"}],
    },
    "experts that score themselves, balanced, shared": {
        "experts": [{"kind": "glu_lowrank", "count": 8, "hidden": 32, "rank": 4}],
        "shared": SHARED,
        "router": {"score": {"kind": "expert_norm"}, "weigh": RAW},
        "balance": [{"kind": "load_balance"}],
    },
    "broadcast beside shared experts, unequal": {
        "experts": UNEQUAL,
        "shared": SHARED,
        "router": {"uncertain": {}},
    },
    "fine experts, shared, a bias, islands": {
        "experts": FINE,
        "shared": SHARED,
        "islands": 4,
        "router": {
            "select": {"kind": "group_top_k", "k": 6, "top_islands": 2},
            "score_function": "sigmoid",
            "weigh": {"kind": "renormalised", "scale": 2.5},
        },
        "balance": [{"kind": "bias_update"}],
    },
    "choice by experts, shared": {
        "router": {"select": CHOICE, "weigh": RAW, "modifiers": [ANNEALED]},
        "shared": SHARED,
        "balance": [],
    },
}


@pytest.mark.parametrize("name", MIXES)
def test_methods_that_go_together_are_allowed_together(name: str) -> None:
    design = digits_with_body(**MIXES[name])
    assert errors(check(design, stage="train")) == errors(check(design, stage="export:onnx")) == ()
