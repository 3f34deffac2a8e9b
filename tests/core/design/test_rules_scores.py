"""Rules of scores, modifiers and weighers in both directions: the refused, what mends it, its neighbours."""

from __future__ import annotations

from typing import Any

import pytest

from core.design.edits import apply
from core.design.rules import check, errors
from core.design.spec import Design
from tests.core.design.samples import digits_with_body, with_body

RAW, ONES, TABLE = {"kind": "raw"}, {"kind": "ones"}, {"kind": "table"}
TOP_1 = {"kind": "top_k", "k": 1}
TOP_P = {"kind": "top_p", "p": 0.5}
SAMPLE = {"kind": "sample_one"}
UNIFORM, FROZEN = {"kind": "uniform"}, {"kind": "frozen_linear"}
TASKS = {"scope": "task", "condition": {"kind": "task_embedding"}, "score": {"kind": "given"}}
COOL = {"kind": "temperature", "value": {"kind": "exponential", "start": 2.0, "end": 0.3}}


def text(balance: list[Any] | None = None, **router: Any) -> Design:
    """The text starter with eight experts, another router, and no balancers unless named."""
    islands = router.pop("islands", 1)
    return with_body(router=router, balance=balance or [], islands=islands)


def digits(**router: Any) -> Design:
    return digits_with_body(router=router, balance=[])


def dropping(rate: float = 0.5, **more: Any) -> list[dict[str, Any]]:
    return [{"kind": "drop_experts", "rate": rate, **more}]


def case(code: str, name: str, design: Design) -> Any:
    return pytest.param(code, design, id=f"{code} {name}")


NOISES = [{"kind": "jitter"}, {"kind": "logit_noise"}, {"kind": "gumbel"}, {"kind": "temperature"}]
TWO_LEVELS = {"score": {"kind": "hierarchical_linear"}, "weigh": RAW}
IN_ISLAND = {"kind": "group_top_k", "k": 2, "top_islands": 1, "island_score": "sum"}
THOR = {"score": UNIFORM, "select": SAMPLE, "weigh": ONES}
HASH = {"score": TABLE, "select": TABLE, "weigh": ONES}
REFUSED = [
    case("router-no-gradient", "noisy", text(score={"kind": "noisy_linear"}, select=TOP_1)),
    case(
        "router-no-gradient",
        "a fixed share",
        text(select=TOP_1, weigh={"kind": "identity_mix", "alpha": 0.5}),
    ),
    *(
        case("score-degenerate", name, text(score={"kind": "activation_linear", "activation": name}))
        for name in ("identity", "relu", "leaky_relu")
    ),
    *(
        case("hierarchy-not-softmax", name, text(**TWO_LEVELS, islands=4, score_function=name))
        for name in ("sigmoid", "none")
    ),
    case("islands-divide", "two levels", text(**TWO_LEVELS, islands=3)),
    case("gate-linear", "two levels", digits(**TWO_LEVELS, condition={"kind": "task_gate"})),
    case("uniform-one", "top-1", text(score=UNIFORM, select=TOP_1)),
    case("uniform-one", "top-p", text(score=UNIFORM, select=TOP_P, weigh=RAW)),
    case("uniform-one", "islands", text(score=UNIFORM, select={"kind": "group_top_k", "k": 2}, islands=4)),
    *(case("score-fixed", f"table {m['kind']}", text(**HASH, modifiers=[m])) for m in NOISES),
    *(case("score-fixed", f"chance {m['kind']}", text(**THOR, modifiers=[m])) for m in NOISES),
    *(case("nothing-to-train", f"frozen {m['kind']}", text(score=FROZEN, modifiers=[m])) for m in NOISES),
    *(
        case("nothing-to-train", f"{name} {kind}", text(**router, balance=[{"kind": kind}]))
        for name, router in (("frozen", {"score": FROZEN}), ("table", HASH), ("chance", THOR))
        for kind in ("load_balance", "z_loss", "entropy", "importance_load_cv")
    ),
    case("bias-needs-top-k", "table", text(**HASH, balance=[{"kind": "bias_update"}])),
    case("table-select", "top-2", text(**{**HASH, "select": {"kind": "top_k", "k": 2}})),
    case("table-select", "all", text(**{**HASH, "select": {"kind": "all"}})),
    case("table-continuous", "pixels", digits(**HASH)),
    case(
        "table-scope",
        "domain",
        digits(**{**HASH, "score": {"kind": "table", "source": "domain"}}, scope="example"),
    ),
    case("given-by-nothing", "alone", text(score={"kind": "given"})),
    case("drop-too-many", "top-8", text(select={"kind": "top_k", "k": 8}, modifiers=dropping())),
    case(
        "drop-too-many",
        "a k that grows",
        text(
            select={"kind": "top_k", "k": {"kind": "linear", "start": 1, "end": 6}},
            weigh=RAW,
            modifiers=dropping(),
        ),
    ),
    case(
        "drop-too-many",
        "one island",
        text(select={"kind": "group_top_k", "k": 3, "top_islands": 1}, islands=2, modifiers=dropping()),
    ),
    case(
        "drop-too-many",
        "islands left",
        text(
            select={"kind": "group_top_k", "k": 6, "top_islands": 3},
            islands=4,
            modifiers=dropping(unit="island"),
        ),
    ),
    case("drop-twice", "two", text(modifiers=[*dropping(0.25), *dropping(0.25)])),
    case(
        "drop-exact",
        "expert choice",
        digits(select={"kind": "expert_choice"}, weigh=RAW, modifiers=dropping()),
    ),
    case("drop-exact", "slots", digits(combine={"kind": "slot_mix"}, modifiers=dropping(0.25))),
    case("one-hot-capacity", "capacity", text(weigh={"kind": "straight_through"}, capacity={})),
]


@pytest.mark.parametrize(("code", "design"), REFUSED)
def test_it_is_refused_and_each_fix_mends_it(code: str, design: Design) -> None:
    before = {p.code for p in errors(check(design))}
    found = [p for p in errors(check(design)) if p.code == code]
    assert found, f"{code} not among {before}"
    for problem in found:
        assert "To fix this" in problem.fix
        assert problem.edits
        for edit in problem.edits:
            mended = apply(design, edit)
            assert isinstance(mended, Design)
            after = [p.code for p in errors(check(mended))]
            assert after.count(code) < sum(p.code == code for p in errors(check(design)))
            assert set(after) <= before


ALLOWED = {
    "noisy top-2": text(score={"kind": "noisy_linear"}, balance=[{"kind": "importance_load_cv"}]),
    "noisy raw top-1": text(score={"kind": "noisy_linear"}, select=TOP_1, weigh=RAW),
    "frozen with one expert at first": text(
        score=FROZEN, select={"kind": "top_k", "k": {"kind": "linear", "start": 1, "end": 8}}
    ),
    "frozen, some dropped": text(score=FROZEN, modifiers=dropping(0.25)),
    "two levels": text(**TWO_LEVELS, select=IN_ISLAND, islands=4),
    "two levels over one island": text(**TWO_LEVELS),
    "two levels over islands of one": text(**TWO_LEVELS, islands=8),
    "two levels with noise, cooling": text(
        **TWO_LEVELS, islands=2, modifiers=[{"kind": "logit_noise"}, {**COOL, "learnable": True}]
    ),
    "two levels of expert choice": digits(**TWO_LEVELS, select={"kind": "expert_choice"}),
    "chance": text(**THOR),
    "the mean of all": text(score=UNIFORM, select={"kind": "all"}, weigh=RAW),
    "a table of ids": text(**HASH),
    "a hash of pixels": digits(**{**HASH, "score": {"kind": "table", "source": "lsh"}}),
    "a hash of examples": digits(**{**HASH, "score": {"kind": "table", "source": "lsh"}}, scope="example"),
    "the oracle": text(**{**HASH, "score": {"kind": "table", "source": "domain"}}),
    "tanh with a bias, cooling": text(
        score={"kind": "activation_linear", "activation": "tanh", "bias": True},
        modifiers=[{"kind": "gumbel"}, {**COOL, "learnable": True}],
    ),
    "an identity mix of one": text(select=TOP_1, weigh={"kind": "identity_mix"}),
    "a fixed share of two": text(weigh={"kind": "identity_mix", "alpha": 0.5}),
    "half of every island": text(islands=4, select=TOP_1, weigh=RAW, modifiers=dropping()),
    "half of the islands": text(islands=4, modifiers=dropping(unit="island")),
    "islands that lose one each": text(
        select={"kind": "group_top_k", "k": 2, "top_islands": 1}, islands=2, modifiers=dropping(0.25)
    ),
    "half dropped under top-p": text(select=TOP_P, weigh=RAW, modifiers=dropping()),
    "half dropped under a threshold": text(select={"kind": "threshold"}, weigh=RAW, modifiers=dropping()),
    "nothing dropped twice": text(modifiers=[*dropping(0.0), *dropping(0.25)]),
    "a task's own route": digits(
        **TASKS,
        select={"kind": "all"},
        weigh={"kind": "straight_through"},
        modifiers=[{"kind": "gumbel"}, COOL],
    ),
    "dropping with a temperature anneal": text(modifiers=[*dropping(0.25), COOL]),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_its_legal_neighbour_is_allowed(name: str) -> None:
    assert errors(check(ALLOWED[name])) == ()


WARNED = [
    case("temperature-free", "linear", text(modifiers=[{"kind": "temperature", "learnable": True}])),
    case("router-no-gradient", "mean", text(weigh={"kind": "mean"})),
    case("router-no-gradient", "ones", text(weigh=ONES)),
    case("drop-nothing", "a tenth of two", text(islands=4, modifiers=dropping(0.1))),
    case("drop-nothing", "half of one island", text(modifiers=dropping(unit="island"))),
    case("hierarchy-flat", "one island", text(**TWO_LEVELS)),
    case("hierarchy-flat", "islands of one", text(**TWO_LEVELS, islands=8)),
    case("logits-sum-to-one", "z-loss", text(**TWO_LEVELS, islands=4, balance=[{"kind": "z_loss"}])),
    case(
        "activation-not-softmax",
        "sigmoid",
        text(score={"kind": "activation_linear"}, score_function="sigmoid"),
    ),
]


@pytest.mark.parametrize(("code", "design"), WARNED)
def test_it_is_warned_about(code: str, design: Design) -> None:
    assert {p.code: p.severity for p in check(design)}.get(code) == "warning"


@pytest.mark.parametrize(
    ("code", "design"),
    [
        case(
            "temperature-free",
            "cosine",
            text(score={"kind": "cosine"}, modifiers=[{"kind": "temperature", "learnable": True}]),
        ),
        case("temperature-free", "fixed", text(modifiers=[{"kind": "temperature"}])),
        case("router-no-gradient", "mean of a frozen router", text(score=FROZEN, weigh={"kind": "mean"})),
        case("hierarchy-flat", "islands of two", text(**TWO_LEVELS, islands=4)),
        case("logits-sum-to-one", "balance", text(**TWO_LEVELS, islands=4, balance=[{"kind": "entropy"}])),
        case(
            "logits-sum-to-one",
            "a task's share in the logits",
            digits_with_body(
                router={**TWO_LEVELS, "condition": {"kind": "task_concat"}},
                balance=[{"kind": "z_loss"}],
                islands=4,
            ),
        ),
        case("drop-nothing", "rate 0", text(modifiers=dropping(0.0))),
    ],
)
def test_it_is_not_warned_about(code: str, design: Design) -> None:
    assert code not in {p.code for p in check(design)}


def test_the_oracle_trains_and_is_not_exported() -> None:
    design = text(**{**HASH, "score": {"kind": "table", "source": "domain"}})
    assert errors(check(design, stage="train")) == ()
    (problem,) = errors(check(design, stage="export:onnx"))
    assert problem.code == "table-oracle"
    mended = apply(design, problem.edits[0])
    assert isinstance(mended, Design)
    assert errors(check(mended, stage="export:onnx")) == ()


def test_a_learned_temperature_counts_as_one_parameter() -> None:
    plain, learned = (
        text(score={"kind": "cosine"}, modifiers=[{"kind": "temperature", "learnable": on}])
        for on in (False, True)
    )
    assert learned.parameters - plain.parameters == plain.depth
