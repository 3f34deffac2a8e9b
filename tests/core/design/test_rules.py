"""Every rule in both directions: what must be refused is, its neighbour is not; and each fix mends."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from core.design.edit import SetValue
from core.design.edits import apply
from core.design.facts import DataFacts
from core.design.plan import Plan
from core.design.presets.registry import preset
from core.design.problems import Problem
from core.design.rules import check, errors
from core.design.spec import Design
from core.design.tasks.base import Head
from tests.core.design.samples import digits_with_body, starter, with_body

TOP_1 = {"kind": "top_k", "k": 1}
RAW = {"kind": "raw"}
LB = {"kind": "load_balance"}
BIAS = {"kind": "bias_update"}
CHOICE = {"kind": "expert_choice"}
LOWRANK = [{"kind": "glu_lowrank", "count": 8, "hidden": 32, "rank": 4}]
MERGE = {"select": {"kind": "all"}, "scope": "example", "combine": {"kind": "param_merge"}, "weigh": RAW}


def codes(design: Design, stage: str = "design", **more: Any) -> Counter[str]:
    return Counter(p.code for p in check(design, stage=stage, **more))


REFUSED = [
    pytest.param("router-no-gradient", with_body(router={"select": TOP_1}), id="renormalised-top-1"),
    pytest.param("k-over-experts", with_body(router={"select": {"kind": "top_k", "k": 9}}), id="k-over-E"),
    pytest.param("islands-divide", with_body(islands=3), id="islands-divide"),
    pytest.param("looks-ahead", with_body(router={"select": CHOICE}, balance=[]), id="expert-choice-causal"),
    pytest.param(
        "looks-ahead", with_body(router={"select": {"kind": "assign"}}, balance=[]), id="assign-causal"
    ),
    pytest.param(
        "looks-ahead", with_body(router={"combine": {"kind": "slot_mix"}}, balance=[]), id="slots-causal"
    ),
    pytest.param("looks-ahead", with_body(router={"scope": "example"}), id="pooling-causal"),
    pytest.param(
        "already-balanced", digits_with_body(router={"select": CHOICE}), id="expert-choice-with-loss"
    ),
    pytest.param(
        "already-balanced",
        digits_with_body(router={"select": CHOICE, "capacity": {}}, balance=[]),
        id="ec-capacity",
    ),
    pytest.param(
        "merge-needs-equal", digits_with_body(router={"combine": {"kind": "param_merge"}}), id="merge"
    ),
    pytest.param(
        "needs-distribution",
        with_body(router={"score_function": "sigmoid"}, balance=[{"kind": "z_loss"}]),
        id="z-loss-sigmoid",
    ),
    pytest.param(
        "needs-distribution",
        with_body(router={"score_function": "sigmoid", "select": {"kind": "top_p"}, "weigh": RAW}),
        id="top-p-sigmoid",
    ),
    pytest.param(
        "needs-distribution",
        with_body(router={"score_function": "sigmoid", "uncertain": {}}, balance=[]),
        id="broadcast-sigmoid",
    ),
    pytest.param(
        "bias-needs-top-k",
        with_body(router={"select": {"kind": "top_p"}, "weigh": RAW}, balance=[BIAS]),
        id="bias-top-p",
    ),
    pytest.param(
        "nothing-to-train", with_body(router={"score": {"kind": "frozen_linear"}}), id="frozen-with-loss"
    ),
    pytest.param(
        "uniform-one", with_body(router={"score": {"kind": "uniform"}}, balance=[]), id="uniform-top-2"
    ),
    pytest.param(
        "uniform-condition",
        with_body(
            router={
                "score": {"kind": "uniform"},
                "select": {"kind": "sample_one"},
                "condition": {"kind": "task_gate"},
                "weigh": {"kind": "ones"},
            },
            balance=[],
        ),
        id="uniform-condition",
    ),
    pytest.param(
        "sample-capacity",
        with_body(
            router={
                "score": {"kind": "uniform"},
                "select": {"kind": "sample_one"},
                "capacity": {},
                "weigh": {"kind": "ones"},
            },
            balance=[],
        ),
        id="sample-capacity",
    ),
    pytest.param(
        "table-continuous",
        digits_with_body(router={"score": {"kind": "table"}}, balance=[]),
        id="table-of-numbers",
    ),
    pytest.param(
        "score-needs-lowrank", with_body(router={"score": {"kind": "expert_norm"}}), id="aoe-plain-experts"
    ),
    pytest.param(
        "drop-too-many",
        with_body(router={"modifiers": [{"kind": "drop_experts", "rate": 0.9}]}),
        id="drop-too-many",
    ),
    pytest.param(
        "score-degenerate",
        with_body(router={"score": {"kind": "activation_linear", "activation": "relu"}}),
        id="relu-gate",
    ),
    pytest.param(
        "k-over-islands",
        with_body(router={"select": {"kind": "group_top_k", "k": 6, "top_islands": 1}}, islands=2),
        id="k-over-islands",
    ),
    pytest.param(
        "islands-too-many",
        with_body(router={"select": {"kind": "group_top_k", "k": 2, "top_islands": 3}}, islands=2),
        id="too-many-islands",
    ),
    pytest.param("gate-without-shared", with_body(shared_gate=True), id="gate-alone"),
]


@pytest.mark.parametrize(("code", "design"), REFUSED)
def test_it_is_refused_and_each_fix_mends_it(code: str, design: Design) -> None:
    found = [p for p in errors(check(design)) if p.code == code]
    assert found, f"{code} not among {codes(design)}"
    for problem in found:
        assert "To fix this" in problem.fix
        assert problem.edits
        for edit in problem.edits:
            assert edit.label
            mended = apply(design, edit)
            assert isinstance(mended, Design)
            assert codes(mended)[code] < codes(design)[code]
            before = {p.code for p in errors(check(design))}
            assert {p.code for p in errors(check(mended))} <= before


ALLOWED = [
    pytest.param(with_body(router={"select": TOP_1, "weigh": RAW}), id="switch"),
    pytest.param(with_body(router={"select": {"kind": "top_k", "k": 8}}), id="k-equals-E"),
    pytest.param(with_body(islands=4), id="islands-divide"),
    pytest.param(digits_with_body(router={"select": CHOICE}, balance=[]), id="expert-choice-not-causal"),
    pytest.param(
        digits_with_body(
            router={"select": {"kind": "all"}, "weigh": RAW, "combine": {"kind": "slot_mix"}}, balance=[]
        ),
        id="soft-moe-not-causal",
    ),
    pytest.param(digits_with_body(router=MERGE, balance=[]), id="smear"),
    pytest.param(with_body(balance=[{"kind": "z_loss"}]), id="z-loss-softmax"),
    pytest.param(with_body(router={"select": {"kind": "top_p"}, "weigh": RAW}), id="top-p"),
    pytest.param(with_body(router={"score_function": "sigmoid"}, balance=[BIAS]), id="deepseek-v3"),
    pytest.param(with_body(router={"score": {"kind": "frozen_linear"}}, balance=[]), id="smoe-dropout"),
    pytest.param(
        with_body(
            router={
                "score": {"kind": "uniform"},
                "select": {"kind": "sample_one"},
                "weigh": {"kind": "ones"},
            },
            balance=[],
        ),
        id="thor",
    ),
    pytest.param(with_body(experts=LOWRANK, router={"score": {"kind": "expert_norm"}}), id="aoe"),
    pytest.param(
        with_body(
            router={"score": {"kind": "table"}, "select": {"kind": "table"}, "weigh": {"kind": "ones"}},
            balance=[],
        ),
        id="hash",
    ),
    pytest.param(
        with_body(router={"score": {"kind": "activation_linear", "activation": "tanh"}}), id="tanh-gate"
    ),
    pytest.param(
        with_body(router={"modifiers": [{"kind": "drop_experts", "rate": 0.25}]}), id="island-dropout"
    ),
    pytest.param(
        with_body(router={"select": {"kind": "group_top_k", "k": 4, "top_islands": 1}}, islands=2), id="sam"
    ),
    pytest.param(
        with_body(
            experts=[{"kind": "glu", "count": 4, "hidden": 32}, {"kind": "glu", "count": 4, "hidden": 96}],
            shared=[{"kind": "glu", "hidden": 32}],
            router={"select": {"kind": "top_p"}, "weigh": RAW},
            balance=[{"kind": "param_penalty"}],
        ),
        id="hmoe-with-shared",
    ),
]


@pytest.mark.parametrize("design", ALLOWED)
def test_its_legal_neighbour_is_allowed(design: Design) -> None:
    assert errors(check(design)) == ()


WARNED = [
    pytest.param(
        "two-balancers", with_body(balance=[{**LB, "coefficient": 0.01}, BIAS]), "design", id="two-balancers"
    ),
    pytest.param(
        "penalty-equal", with_body(balance=[{"kind": "param_penalty"}]), "design", id="penalty-equal"
    ),
    pytest.param(
        "penalty-and-balance",
        with_body(balance=[LB, {"kind": "param_penalty"}]),
        "design",
        id="opposite-pulls",
    ),
    pytest.param(
        "capacity-ragged",
        with_body(router={"select": {"kind": "top_p"}, "weigh": RAW, "capacity": {}}),
        "design",
        id="capacity-top-p",
    ),
    pytest.param(
        "load-without-noise", with_body(balance=[{"kind": "importance_load_cv"}]), "design", id="no-noise"
    ),
    pytest.param(
        "temperature-free",
        with_body(router={"modifiers": [{"kind": "temperature", "learnable": True}]}),
        "design",
        id="temperature",
    ),
    pytest.param(
        "router-no-gradient",
        with_body(experts=LOWRANK, router={"score": {"kind": "expert_norm"}, "select": TOP_1}, balance=[]),
        "design",
        id="aoe-top-1",
    ),
]


@pytest.mark.parametrize(("code", "design", "stage"), WARNED)
def test_it_is_warned_about(code: str, design: Design, stage: str) -> None:
    problems = {p.code: p.severity for p in check(design, stage=stage)}
    assert problems.get(code) == "warning"
    assert code not in codes(starter())


TEXT = DataFacts(
    name="text",
    kind="text",
    domains=("a", "b"),
    causal=True,
    vocabulary=256,
    n_train=9999,
    smallest_file=4096,
)
WINE = DataFacts(
    name="table:wine",
    kind="table",
    domains=("x", "y"),
    features=13,
    heads=(Head(name="target", kind="classes", size=3),),
    n_train=100,
)


def test_data_of_another_kind_offers_the_edit_that_matches_the_task() -> None:
    (problem,) = errors(check(starter(), data=WINE, stage="train"))
    assert problem.code == "data-task"
    mended = apply(starter(), problem.edits[0])
    assert isinstance(mended, Design)
    assert mended.task.kind == "table"
    assert errors(check(mended, data=WINE, stage="train")) == ()
    assert errors(check(starter(), data=TEXT, stage="train")) == ()


def test_a_mismatch_names_the_task_as_one_says_it() -> None:
    (problem,) = errors(check(preset("digits-vit"), data=WINE, stage="train"))
    assert problem.message == "This design is an image classifier, and table:wine is table data."


def test_a_design_too_large_is_shrunk_by_a_button_with_a_name() -> None:
    wide = apply(starter(), SetValue(path="/width", value=32_768))
    assert isinstance(wide, Design)
    found = next(p for p in check(wide, stage="train") if p.code == "too-large")
    assert found.edits[0].label == "Shrink it"


def test_a_context_longer_than_the_shortest_file_is_refused() -> None:
    short = TEXT.model_copy(update={"smallest_file": 20})
    (problem,) = errors(check(starter(), data=short, stage="train"))
    assert "20 bytes" in problem.message


def test_a_task_router_needs_data_with_tasks_and_gets_no_edit_for_it() -> None:
    design = with_body(router={"condition": {"kind": "task_gate"}})
    found = [p for p in check(design, data=TEXT, stage="train") if p.code == "no-tasks"]
    assert len(found) == 1
    assert found[0].edits == ()
    with_tasks = TEXT.model_copy(update={"has_task_id": True})
    assert "no-tasks" not in codes(design, stage="train", data=with_tasks)


def test_one_domain_is_warned_about() -> None:
    lone = TEXT.model_copy(update={"domains": ("a",)})
    assert codes(starter(), stage="train", data=lone)["one-domain"] == 1
    assert "one-domain" not in codes(starter(), stage="train", data=TEXT)


def test_what_is_not_built_stands_in_the_way_of_training_only() -> None:
    design = with_body(balance=[{**BIAS, "counted": True}])
    assert "not-built" not in codes(design, stage="cost")
    assert codes(design, stage="train")["not-built"] == 1
    assert codes(design, stage="export:onnx")["not-built"] == 1


def test_broadcast_warns_without_a_run_to_start_from() -> None:
    design = with_body(router={"uncertain": {}})
    assert codes(design, plan=Plan())["broadcast-from-scratch"] == 1
    assert "broadcast-from-scratch" not in codes(design, plan=Plan(start_from="run-1"))


LEARNED = {"embedding": {"position": "learned"}}


@pytest.mark.parametrize(
    ("code", "plan", "design"),
    [
        ("plan-objective", {"objective": {"kind": "two_pass_consistency"}}, starter()),
        ("plan-objective", {"objective": {"kind": "per_task_accumulate"}}, starter()),
        ("plan-context", {"context": 65}, starter()),
        ("plan-context", {"context": 65}, Design.model_validate(starter().model_dump() | LEARNED)),
        ("data-task", {"context": 40}, starter()),
        ("plan-execution", {"execution": "reference", "expert_dtype": "bfloat16"}, starter()),
        ("plan-execution", {"execution": {"decoder.99.1": "ragged"}}, starter()),
        ("plan-mixture", {"mixture": {"z": 1}}, starter()),
        ("plan-mixture", {"mixture": {"a": -1}}, starter()),
        ("plan-mixture", {"mixture": {"a": 0}}, starter()),
    ],
)
def test_a_plan_that_does_not_fit_is_refused_without_an_edit(
    code: str, plan: dict[str, Any], design: Design
) -> None:
    data = TEXT.model_copy(update={"smallest_file": 40 if code == "data-task" else 1000})
    (problem,) = errors(check(design, Plan.model_validate(plan), data, stage="train"))
    assert (problem.code, problem.edits) == (code, ())
    assert "To fix this" in problem.fix
    assert errors(check(design, Plan.model_validate(plan), data, stage="cost")) == ()


def test_a_plan_that_fits_is_allowed() -> None:
    data = TEXT.model_copy(update={"smallest_file": 1000})
    learned = Design.model_validate(starter().model_dump() | LEARNED)
    for design, plan in (
        (starter(), Plan(context=50, mixture={"a": 1.0})),
        (learned, Plan(context=learned.task.tokens)),
        (starter(), Plan(mixture={"a": 0, "b": 2.5})),
        (starter(), Plan(execution={"decoder.0.1": "ragged"}, expert_dtype="bfloat16")),
    ):
        assert errors(check(design, plan, data, stage="train")) == ()


def test_a_context_of_other_data_than_text_is_refused() -> None:
    mended = apply(starter(), check(starter(), data=WINE, stage="train")[0].edits[0])
    assert isinstance(mended, Design)
    (problem,) = errors(check(mended, Plan(context=4), WINE, stage="train"))
    assert problem.code == "plan-context"


def test_a_shorter_context_of_the_plan_fits_short_files() -> None:
    short = TEXT.model_copy(update={"smallest_file": 20})
    assert errors(check(starter(), Plan(context=19), short, stage="train")) == ()


def test_a_problem_reads_as_one_text() -> None:
    problem = Problem(code="x", message="Too wide.", fix="To fix this, narrow it.")
    assert str(problem) == "Too wide. To fix this, narrow it."
