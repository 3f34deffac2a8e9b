"""Routers that know the task: each task's own weights, embeddings, tables.

M3ViT (arXiv 2210.14793), SkillNet (arXiv 2203.03312), task-level MoE (arXiv 2205.12701).
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from core.design.bodies.moe import Moe as MoeSpec
from core.design.edits import parse
from core.design.routing.condition.skill_table import SkillTable as SkillTableSpec
from core.design.rules import check
from core.design.spec import Design, Norm
from core.model.bodies.base import Place, Routed
from core.model.bodies.moe import Moe
from core.model.build import build
from core.model.initialise import initialise
from core.model.passing import Pass
from core.model.routing.condition.base import CONDITIONS
from core.model.routing.shape import RoutedShape
from tests.support import gradients, inputs_for, loss_of, routed, sight

TASKS = ("digit", "parity", "dark")
D, E, B, S = 8, 4, 6, 3


def layer(condition: dict[str, Any], seed: int = 0, **router: Any) -> Moe:
    axes = {
        "score": {"kind": "linear"},
        "select": {"kind": "top_k", "k": 2},
        "weigh": {"kind": "raw"},
        "combine": {"kind": "output_mix"},
        "condition": condition,
    }
    body = {"kind": "moe", "experts": [{"kind": "glu", "count": E, "hidden": 6}], "router": axes | router}
    made = Moe(MoeSpec.model_validate(body), Place(D, Norm(), "sparse", 0, TASKS))
    initialise(made, seed, 1)
    return made


def tokens(seed: int = 1) -> Tensor:
    return torch.randn(B, S, D, generator=torch.Generator().manual_seed(seed))


def asked(*tasks: int) -> Pass:
    return Pass(task_id=torch.tensor(tasks), record="full")


def computed(told: Routed) -> list[int]:
    """Tokens that each expert computed."""
    assert told.record is not None
    assert told.record.counts_E is not None
    counts: list[int] = told.record.counts_E.tolist()
    return counts


GATE, CONCAT = {"kind": "task_gate"}, {"kind": "task_concat", "dim": 5}
EMBEDDING = {"kind": "task_embedding", "dim": 5, "hidden": 7}
TABLE = {"kind": "skill_table", "rows": {"digit": [0, 2], "parity": [1, 2], "dark": [0, 1, 3]}}


@pytest.mark.parametrize("condition", [GATE, CONCAT, EMBEDDING, TABLE], ids=lambda c: c["kind"])
def test_a_batch_of_several_tasks_is_its_tasks_one_by_one(condition: dict[str, Any]) -> None:
    made, x_BSD = layer(condition), tokens()
    together, _ = routed(made, x_BSD, asked(0, 1, 2, 0, 1, 2))
    for row, task in enumerate((0, 1, 2, 0, 1, 2)):
        alone, _ = routed(made, x_BSD[row : row + 1], asked(task))
        torch.testing.assert_close(together[row : row + 1], alone)


@pytest.mark.parametrize("condition", [GATE, CONCAT, EMBEDDING, TABLE], ids=lambda c: c["kind"])
def test_without_a_task_nothing_is_routed(condition: dict[str, Any]) -> None:
    made = layer(condition).eval()
    with pytest.raises(ValueError, match=r"routes? by task|decides by task.*To fix this"):
        routed(made, tokens())


@pytest.mark.parametrize("task", [-1, 3])
def test_a_task_that_is_not_there_is_an_error(task: int) -> None:
    with pytest.raises(ValueError, match=rf"task {task}.*has 3.*To fix this"):
        routed(layer(CONCAT), tokens(), asked(*[task] * B))


def test_a_tasks_loss_reaches_its_own_router_only() -> None:
    made, x_BSD = layer(GATE), tokens()
    own = ("router.score.weight", "router.condition.gates_NED")
    for task in range(3):
        made.zero_grad()
        y_BSD, _ = routed(made, x_BSD, asked(*[task] * B))
        (y_BSD * torch.randn(y_BSD.shape, generator=torch.Generator().manual_seed(2))).sum().backward()
        found = gradients(made)
        each = [found[own[0]], *found[own[1]]]
        assert [bool(grad.abs().sum() > 0) for grad in each] == [t == task for t in range(3)]


def test_the_task_changes_the_router_and_nothing_else() -> None:
    made, x_BSD = layer(GATE), tokens()
    gates = made.get_parameter("router.condition.gates_NED")
    with torch.no_grad():
        gates[1] = made.get_parameter("router.score.weight")
    first, _ = routed(made, x_BSD, asked(*[0] * B))
    same, _ = routed(made, x_BSD, asked(*[2] * B))
    other, _ = routed(made, x_BSD, asked(*[1] * B))
    assert torch.equal(first, same)
    assert not torch.allclose(first, other)


def test_experts_a_task_does_not_use_may_go() -> None:
    made, x_BSD = layer(GATE, select={"kind": "top_k", "k": 1}).eval(), tokens()[:2, :1]
    before, told = routed(made, x_BSD, asked(1, 1))
    assert told.record is not None
    idle = [e for e, n in enumerate(computed(told)) if not n]
    assert len(idle) >= E - 2
    with torch.no_grad():
        for parameter in made.experts.parameters():
            parameter[idle] = 0.0
    assert torch.equal(routed(made, x_BSD, asked(1, 1))[0], before)


def test_an_empty_embedding_is_a_router_without_tasks() -> None:
    made, plain, x_BSD = layer(CONCAT), layer({"kind": "task_concat", "dim": 1}), tokens()
    with torch.no_grad():
        made.get_parameter("router.condition.task_embedding").zero_()
        plain.get_parameter("router.condition.task_weight").zero_()
    a, b = (routed(each, x_BSD, asked(0, 1, 2, 0, 1, 2))[0] for each in (made, plain))
    torch.testing.assert_close(a, b)


def test_concatenation_is_one_matrix_on_both() -> None:
    made = layer(CONCAT)
    score, condition = made.router.score, made.router.condition
    assert condition is not None
    context = made._context(tokens().flatten(0, 1), sight(B, S, asked(0, 1, 2, 0, 1, 2)))
    x_TD, task_T = tokens().flatten(0, 1), context.task_T
    found = condition(score(x_TD, context), x_TD, task_T, context)
    own = made.get_parameter
    both_TD = torch.cat((x_TD, own("router.condition.task_embedding")[task_T]), 1)
    matrix_ED = torch.cat((own("router.score.weight"), own("router.condition.task_weight")), 1)
    torch.testing.assert_close(found, both_TD @ matrix_ED.T)


def test_swapping_two_embeddings_swaps_the_routes() -> None:
    made, x_BSD = layer(EMBEDDING), tokens()
    before = [routed(made, x_BSD, asked(*[task] * B))[0] for task in (0, 1)]
    embedding = made.get_parameter("router.condition.task_embedding")
    with torch.no_grad():
        embedding[[0, 1]] = embedding[[1, 0]]
    after = [routed(made, x_BSD, asked(*[task] * B))[0] for task in (1, 0)]
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other)
    assert not torch.allclose(before[0], before[1])


def test_a_table_writes_exactly_the_skills_of_the_task() -> None:
    made = layer(TABLE)
    condition = made.router.condition
    assert condition is not None
    context = made._context(tokens().flatten(0, 1), sight(B, S, asked(*[0] * B)))
    logits_GE = condition(torch.zeros(3, E), torch.randn(3, D), torch.tensor([0, 1, 2]), context)
    no = -torch.inf
    assert logits_GE.tolist() == [[0, no, 0, no], [no, 0, 0, no], [0, 0, no, 0]]
    assert "table_NE" not in made.state_dict()


def test_a_table_without_the_task_cannot_be_built() -> None:
    spec = SkillTableSpec(kind="skill_table", rows={"digit": (0,)})
    with pytest.raises(KeyError, match="parity"):
        CONDITIONS.build(spec, RoutedShape(D, E, tasks=("digit", "parity")))


def of_heads(condition: dict[str, Any], **router: Any) -> Design:
    """A table model with three heads."""
    axes: dict[str, Any] = {
        "score": {"kind": "linear"},
        "select": {"kind": "top_k", "k": 2},
        "weigh": {"kind": "raw"},
        "combine": {"kind": "output_mix"},
        "condition": condition,
    }
    body = {"kind": "moe", "experts": [{"kind": "mlp", "count": E, "hidden": 6}], "router": axes | router}
    task = {"kind": "table", "features": 5, "heads": [{"name": name, "size": 2} for name in TASKS]}
    stack = {"causal": False, "layers": [{"pattern": [{"parts": [{"body": body}]}]}]}
    made = parse({"width": D, "task": task, "stacks": [stack]})
    assert isinstance(made, Design)
    return made


@pytest.mark.parametrize("condition", [GATE, CONCAT, EMBEDDING], ids=lambda c: c["kind"])
def test_the_formula_counts_what_is_built_and_all_of_it_learns(condition: dict[str, Any]) -> None:
    design = of_heads(condition)
    model = build(design, execution="reference")
    assert sum(p.numel() for p in model.parameters()) == design.parameters
    loss_of(model(inputs_for(design, 6), Pass(task_id=torch.tensor([0, 1, 2, 0, 1, 2])))).backward()
    reached = {name for name, grad in gradients(model).items() if grad.abs().sum() > 0}
    assert {name for name, _ in model.named_parameters() if "condition" in name} <= reached


@pytest.mark.parametrize(
    ("condition", "code", "says"),
    [
        ({"kind": "skill_table", "rows": {"digit": [0], "parity": [1]}}, "skills-task", "'dark'"),
        ({"kind": "skill_table", "rows": {n: [4] for n in TASKS}}, "skills-row", "names 4"),
        ({"kind": "skill_table", "rows": {n: [] for n in TASKS}}, "skills-row", "names no expert"),
        ({"kind": "skill_table", "rows": {n: [1, 1] for n in TASKS}}, "skills-row", "names 1, 1"),
        ({"kind": "skill_table", "rows": {n: [1] for n in TASKS}}, "skills-select", "exactly the experts"),
    ],
)
def test_a_table_that_says_too_little_is_refused(condition: dict[str, Any], code: str, says: str) -> None:
    problems = check(of_heads(condition), stage="train")
    (problem,) = (p for p in problems if p.code == code)
    assert says in problem.message
    assert problem.edits


@pytest.mark.parametrize("scope", ["position", "batch"])
def test_a_group_of_several_tasks_cannot_ask_for_one(scope: str) -> None:
    codes = [p.code for p in check(of_heads(GATE, scope=scope), stage="design")]
    assert "condition-scope" in codes


@pytest.mark.parametrize("scope", ["example", "task"])
def test_a_task_may_decide_for_all_its_tokens(scope: str) -> None:
    """Every token of a task has the same scores, and a row of the table is exactly what it uses."""
    rows = {"digit": [0, 2], "parity": [1, 2], "dark": [0, 1, 3]}
    made = layer(
        {"kind": "skill_table", "rows": rows},
        scope=scope,
        score={"kind": "given"},
        select={"kind": "table", "per_token": 2},
        weigh={"kind": "mean"},
    )
    _, told = routed(made, tokens(), asked(0, 1, 2, 0, 1, 2))
    assert told.record is not None
    assert told.record.expert_TK is not None
    each = told.record.expert_TK.view(B, S, -1)
    for row, name in enumerate([*rows, *rows]):
        for token in each[row].tolist():
            assert sorted(e for e in token if e >= 0) == rows[name]
    y_BSD, _ = routed(made, tokens(), asked(*[0] * B))
    y_BSD.sum().backward()
    for name, gradient in gradients(made.experts).items():
        assert [bool(g.abs().sum() > 0) for g in gradient] == [True, False, True, False], name


def test_a_skill_that_no_task_uses_changes_nothing() -> None:
    small = {"digit": [0, 2], "parity": [1, 2], "dark": [0, 1]}
    axes: dict[str, Any] = {
        "score": {"kind": "given"},
        "select": {"kind": "table"},
        "weigh": {"kind": "mean"},
    }
    made = layer({"kind": "skill_table", "rows": small}, **axes)
    before, _ = routed(made, tokens(), asked(0, 1, 2, 0, 1, 2))
    with torch.no_grad():
        for parameter in made.experts.parameters():
            parameter[3] = torch.nan
    after, _ = routed(made, tokens(), asked(0, 1, 2, 0, 1, 2))
    assert torch.equal(before, after)


def test_equal_skills_are_that_skill() -> None:
    axes: dict[str, Any] = {
        "score": {"kind": "given"},
        "select": {"kind": "table"},
        "weigh": {"kind": "mean"},
    }
    made = layer({"kind": "skill_table", "rows": {"digit": [0, 1, 2], "parity": [3], "dark": [0]}}, **axes)
    with torch.no_grad():
        for parameter in made.experts.parameters():
            parameter[:] = parameter[:1]
    three, _ = routed(made, tokens(), asked(*[0] * B))
    one, _ = routed(made, tokens(), asked(*[1] * B))
    torch.testing.assert_close(three, one)


def test_the_best_expert_of_a_task_is_what_training_shows_and_its_embedding_learns() -> None:
    axes: dict[str, Any] = {
        "scope": "task",
        "score": {"kind": "given"},
        "select": {"kind": "all"},
        "weigh": {"kind": "straight_through"},
    }
    made = layer(EMBEDDING, **axes)
    trained, _ = routed(made, tokens(), asked(0, 1, 2, 0, 1, 2))
    (trained * torch.randn(trained.shape, generator=torch.Generator().manual_seed(3))).sum().backward()
    assert (gradients(made)["router.condition.task_embedding"].abs().sum(1) > 0).all()
    made.eval()
    evaluated, told = routed(made, tokens(), asked(0, 1, 2, 0, 1, 2))
    torch.testing.assert_close(trained, evaluated)
    assert told.record is not None
    assert told.record.tokens == sum(computed(told))


def test_routers_of_tasks_stand_beside_a_linear_score_only() -> None:
    problems = check(of_heads(GATE, score={"kind": "cosine"}), stage="design")
    assert [p.code for p in problems] == ["gate-linear"]
    assert check(of_heads(GATE), stage="design") == ()
