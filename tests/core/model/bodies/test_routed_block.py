"""Whole layers as experts: each example through the copies of its task, and through no other."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from core.cost.count import count
from core.design.edits import apply, parse
from core.design.rules import check
from core.design.spec import Design
from core.model.bodies.routed_block import RoutedBlock
from core.model.build import build
from core.model.model import Model
from core.model.passing import Pass
from core.model.transformer import Layer
from tests.support import close, gradients, inputs_for, loss_of, sight

TASKS = ("a", "b", "c")
B, S, D = 6, 4, 8
LAYER = {
    "parts": [
        {"body": {"kind": "attention", "heads": 2, "kv_heads": 2, "rope": None}},
        {
            "body": {"kind": "dense", "expert": {"kind": "mlp", "hidden": 12}},
            "norm": {"pre": True, "post": True},
        },
    ]
}
BY_TASK: dict[str, Any] = {
    "scope": "task",
    "condition": {"kind": "task_embedding", "dim": 6, "hidden": 5},
    "score": {"kind": "given"},
    "select": {"kind": "all"},
    "weigh": {"kind": "straight_through"},
    "combine": {"kind": "output_mix"},
}


def design(copies: int = 3, layer: dict[str, Any] = LAYER, norm: bool = False, **router: Any) -> Design:
    """An image classifier of three heads whose only part is a routed block."""
    body = {"kind": "routed_block", "copies": copies, "layer": layer, "router": BY_TASK | router}
    part = {"body": body, "norm": {"pre": norm}}
    heads = [{"name": name, "size": 2} for name in TASKS]
    task = {"kind": "image_classifier", "height": 4, "width": 4, "channels": 1, "patch": 2, "heads": heads}
    stack = {"causal": False, "layers": [{"pattern": [{"parts": [part]}]}], "final_norm": False}
    made = parse({"width": D, "task": task, "stacks": [stack]})
    assert isinstance(made, Design), made
    return made


def block_of(model: Model) -> RoutedBlock:
    (block,) = (module for module in model.modules() if isinstance(module, RoutedBlock))
    return block


def tokens() -> Tensor:
    return torch.randn(B, S, D, generator=torch.Generator().manual_seed(1))


def asked(*tasks: int, **values: Any) -> Pass:
    return Pass(task_id=torch.tensor(tasks), record="full", **values)


def through(block: RoutedBlock, x_BSD: Tensor, passing: Pass) -> Tensor:
    y_BSD: Tensor
    y_BSD, told = block(x_BSD, sight(len(x_BSD), S, passing, causal=False))
    assert told is not None
    return y_BSD


def copies_of(block: RoutedBlock, x_BSD: Tensor) -> list[Tensor]:
    """What each copy adds."""
    seen = sight(len(x_BSD), S, asked(*[0] * len(x_BSD)), causal=False)
    return [copy(x_BSD, seen)[0] - x_BSD for copy in block.copies if isinstance(copy, Layer)]


def test_the_formula_counts_what_is_built_norms_and_all() -> None:
    made = design()
    built = sum(p.numel() for p in build(made).parameters())
    assert built == made.parameters == count(made).total
    one = sum(p.numel() for p in block_of(build(made)).copies[0].parameters())
    raw: dict[str, Any] = {"weigh": {"kind": "raw"}}
    best = design(select={"kind": "top_k", "k": 1}, **raw)
    assert count(design(**raw)).active() - count(best).active() == 2 * one


def test_a_model_runs_the_copies_inside_the_block_and_nowhere_else() -> None:
    model = build(design()).eval()
    inputs, passing = inputs_for(model.design, B), asked(0, 1, 2, 0, 1, 2)
    x_BSD = model.ends.embed(inputs)
    y_BSD = x_BSD + through(block_of(model), x_BSD, passing)
    expected = model.ends.read(y_BSD, None)
    output = model(inputs, passing)
    for head, logits in expected.items():
        torch.testing.assert_close(output.logits[head], logits)
    assert [path for path, _ in model.parts()] == list(output.records) == ["decoder.0.0"]
    model.after_step(output.records)


def test_training_answers_as_the_best_copy_does_and_every_copy_is_weighed() -> None:
    block, x_BSD = block_of(build(design())), tokens()
    told = asked(0, 1, 2, 0, 1, 2)
    trained = through(block, x_BSD, told)
    (trained * torch.randn(trained.shape, generator=torch.Generator().manual_seed(2))).sum().backward()
    found = gradients(block)
    assert (found["router.condition.task_embedding"].abs().sum(1) > 0).all()
    block.eval()
    torch.testing.assert_close(trained, through(block, x_BSD, told))


def test_a_one_hot_choice_is_that_copy() -> None:
    block, x_BSD = block_of(build(design())).eval(), tokens()
    each = copies_of(block, x_BSD)
    _, told = block(x_BSD, sight(B, S, asked(*[1] * B), causal=False))
    assert told.record.expert_TK.shape == (B * S, 1)
    (chosen,) = set(told.record.expert_TK[:, 0].tolist())
    torch.testing.assert_close(through(block, x_BSD, asked(*[1] * B)), each[chosen])


def test_even_weights_are_the_mean_of_all_copies() -> None:
    block, x_BSD = block_of(build(design(weigh={"kind": "mean"}))), tokens()
    mean = torch.stack(copies_of(block, x_BSD)).mean(0)
    torch.testing.assert_close(through(block, x_BSD, asked(*[2] * B)), mean)


@pytest.mark.parametrize("training", [True, False])
def test_a_batch_of_several_tasks_is_its_tasks_one_by_one(training: bool) -> None:
    block, x_BSD = block_of(build(design())).train(training), tokens()
    _spread(block)
    tasks = (0, 1, 2, 2, 1, 0)
    together = through(block, x_BSD, asked(*tasks))
    for row, task in enumerate(tasks):
        alone = through(block, x_BSD[row : row + 1], asked(task))
        assert close(together[row : row + 1], alone)


def _spread(block: RoutedBlock) -> None:
    """Make each task choose a copy of its own."""
    with torch.no_grad():
        own = block.get_parameter
        own("router.condition.task_embedding").copy_(torch.eye(3, 6) * 3)
        own("router.condition.task_up").copy_(torch.eye(5, 6))
        own("router.condition.task_down").copy_(torch.eye(3, 5))


def test_a_copy_that_a_task_does_not_use_is_not_computed() -> None:
    block, x_BSD = block_of(build(design())).eval(), tokens()
    _spread(block)
    before = through(block, x_BSD, asked(*[1] * B))
    with torch.no_grad():
        for e in (0, 2):
            for parameter in block.copies[e].parameters():
                parameter.fill_(torch.nan)
    assert torch.equal(through(block, x_BSD, asked(*[1] * B)), before)


def test_swapping_two_tasks_swaps_their_copies() -> None:
    block, x_BSD = block_of(build(design())).eval(), tokens()
    _spread(block)
    before = [through(block, x_BSD, asked(*[task] * B)) for task in (0, 1)]
    with torch.no_grad():
        embedding = block.get_parameter("router.condition.task_embedding")
        embedding[[0, 1]] = embedding[[1, 0]]
    after = [through(block, x_BSD, asked(*[task] * B)) for task in (1, 0)]
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other)
    assert not torch.allclose(before[0], before[1])


def test_padding_changes_no_real_token() -> None:
    block, x_BSD = (
        block_of(build(design(scope="example", score={"kind": "linear"}, condition=None))),
        tokens(),
    )
    mask_BS = torch.ones(B, S, dtype=torch.bool)
    mask_BS[:, 0] = False
    other = x_BSD.clone()
    other[:, 0] = 50.0
    masked = Pass(mask=mask_BS, record="full")
    a, b = (through(block, each, masked)[:, 1:] for each in (x_BSD, other))
    torch.testing.assert_close(a, b)
    assert a.abs().max() > 0


def test_it_learns_in_a_model_and_tells_its_counts() -> None:
    made = design(modifiers=[{"kind": "gumbel"}], norm=True)
    model = build(made)
    told = asked(0, 1, 2, 0, 1, 2, domain=torch.tensor([0, 1, 0, 1, 0, 1]), domains=2)
    inputs = inputs_for(made, B)
    output = model(inputs, told)
    record = output.records["decoder.0.0"]
    assert record.counts_NE.shape == (2, 3)
    loss_of(output).backward()
    reached = {name for name, gradient in gradients(model).items() if gradient.abs().sum() > 0}
    assert {name for name, _ in model.named_parameters() if ".router." in name} <= reached
    with pytest.raises(ValueError, match=r"decides by task.*To fix this"):
        model(inputs)


MOE = {
    "kind": "moe",
    "experts": [{"kind": "mlp", "count": 2, "hidden": 4}],
    "router": {
        "score": {"kind": "linear"},
        "select": {"kind": "top_k", "k": 1},
        "weigh": {"kind": "raw"},
        "combine": {"kind": "output_mix"},
    },
}


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"scope": "token"}, "block-scope"),
        ({"scope": "batch"}, "block-scope"),
        ({"capacity": {"train": 1.0}}, "block-router"),
        ({"score": {"kind": "cosine"}}, "block-router"),
        ({"condition": {"kind": "task_gate"}}, "block-router"),
        ({"select": {"kind": "top_p"}}, "block-router"),
        ({"select": {"kind": "top_k", "k": 4}}, "k-over-experts"),
        ({"modifiers": [{"kind": "drop_experts"}]}, "block-router"),
        ({"layer": {"parts": [{"body": MOE}]}}, "block-inside"),
    ],
)
def test_what_does_not_fit_a_whole_layer_is_refused_and_mended(values: dict[str, Any], code: str) -> None:
    made, stage = design(**values), "train"
    problems = [p for p in check(made, stage=stage) if p.code == code]
    assert problems
    mended = apply(made, problems[0].edits[0])
    assert isinstance(mended, Design)
    assert code not in {p.code for p in check(mended, stage=stage)}
    assert check(design(), stage="export:onnx") == ()
