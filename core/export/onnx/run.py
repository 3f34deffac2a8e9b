"""Both sides of the comparison: our model in torch, the file in onnxruntime, over the same inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from core.design.routing.router import Router
from core.design.spec import Design
from core.export.onnx.wrapper import (
    INPUTS,
    TASK_IDS,
    Feeds,
    example_shape,
    feeds,
    head_outputs,
    routed_bodies,
    routing_outputs,
)
from core.export.parity import Array, Routing, Seen
from core.export.registry import Examples
from core.model.model import Model
from core.model.passing import Pass
from core.model.routing.decision import spread
from core.model.routing.record import RoutingRecord

#: Tokens of held-out examples to compare on.
MOST_TOKENS = 4096


def session(path: Path) -> Any:
    """An onnxruntime session on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def probes(design: Design, examples: Sequence[Examples]) -> Iterator[Feeds]:
    """Inputs that try the edges, then held-out examples.

    Edges: one token, an odd number, several examples, the longest text, and equal tokens throughout, which
    all go to the same experts while the others get none.
    """
    for turn, inputs in enumerate(_edges(design)):
        yield feeds(design, inputs, turn=turn)
    text, left = design.task.kind == "language_model", MOST_TOKENS
    for batch in examples:
        each = batch.inputs.shape[1] if text else design.task.tokens
        take = min(len(batch.inputs), left // each)
        if take:
            task_id = None if batch.task_id is None else batch.task_id[:take]
            yield feeds(design, batch.inputs[:take].astype(np.int64 if text else np.float32), task_id)
        left -= take * each


def _edges(design: Design) -> Iterator[Array]:
    rng = np.random.default_rng(0)
    if design.task.kind == "language_model":
        longest, vocabulary = design.task.tokens, design.task.heads_out[0].size
        for batch, tokens in ((1, 1), (1, 7), (3, 12), (1, longest)):
            yield rng.integers(0, vocabulary, (batch, min(tokens, longest, MOST_TOKENS)))
        yield np.full((1, min(33, longest)), 32)
    else:
        shape = example_shape(design)
        for rows in (1, 7, 32):
            yield rng.random((rows, *shape), np.float32)
        yield np.zeros((5, *shape), np.float32)


@torch.no_grad()
def ours(model: Model, fed: Feeds, trained: float) -> Seen:
    """What the studio's own model answers, in eval mode."""
    inputs = fed[INPUTS[model.design.task.kind]]
    task_id = torch.from_numpy(fed[TASK_IDS]) if TASK_IDS in fed else None
    output = model(torch.from_numpy(inputs), Pass(progress=trained, record="full", task_id=task_id))
    routing = {
        path: _decided(output.records[path], body.router, len(inputs))
        for path, body in routed_bodies(model.design).items()
    }
    return Seen({head: logits.numpy() for head, logits in output.logits.items()}, routing)


def _decided(record: RoutingRecord, router: Router, examples: int) -> Routing:
    expert, probability, margin = record.expert_TK, record.probability_TE, record.margin_T
    assert probability is not None
    if expert is None or margin is None:
        # Nothing was selected, and nothing left out.
        expert, margin = probability[:, :0], probability.new_full((len(probability),), torch.inf)
    # Where islands choose, a better expert may be left out, and how much better excuses nothing.
    margin = margin.masked_fill(margin < 0, torch.inf)
    experts_choose = router.select.exact(training=False)
    if experts_choose:
        # Of other scores than softmax's the probabilities are not what experts compared: nothing is excused.
        compared = router.score_function == "softmax"
        margin = _to_place(probability, expert) if compared else torch.full_like(margin, torch.inf)
    capacity = router.capacity
    if capacity is not None:
        # Then the order of a token's choices decides as well, and with `score` the order of the tokens.
        assert record.selected_TK is not None
        chosen_TK = probability.gather(1, record.selected_TK.clamp_min(0))
        for gap_T in (-chosen_TK.diff(dim=1)).abs().unbind(1):
            margin = torch.minimum(margin, gap_T)
        if capacity.priority == "score":
            margin = torch.minimum(margin, _to_nearest(probability.amax(1)))
    each = [_by_example(tensor, examples) for tensor in (expert, probability, margin)]
    return Routing(each[0], each[1], each[2], shared_fate=experts_choose or capacity is not None)


def _to_place(value_TE: Tensor, expert_TK: Tensor) -> Tensor:
    """How far each token is from gaining or losing a place at an expert that chose it or others."""
    taken_TE = spread(expert_TK, torch.ones_like(expert_TK, dtype=value_TE.dtype), value_TE.shape[1]) > 0
    last_E = value_TE.masked_fill(~taken_TE, torch.inf).amin(0)
    next_E = value_TE.masked_fill(taken_TE, -torch.inf).amax(0)
    return torch.where(taken_TE, value_TE - next_E, last_E - value_TE).amin(1)


def _to_nearest(value_T: Tensor) -> Tensor:
    """Distance of each number to the nearest other one."""
    sorted_T, order_T = value_T.sort()
    gap = torch.cat((value_T.new_tensor([torch.inf]), sorted_T.diff(), value_T.new_tensor([torch.inf])))
    return torch.empty_like(value_T).index_copy(0, order_T, torch.minimum(gap[:-1], gap[1:]))


def _by_example(each: Tensor, examples: int) -> Array:
    array: Array = each.unflatten(0, (examples, -1)).numpy()
    return array


def theirs(opened: Any, design: Design, fed: Feeds, routing: bool) -> Seen:
    """What the file answers; `routing` asks for its routing outputs too."""
    heads = head_outputs(design)
    paths = routed_bodies(design) if routing else ()
    names = [*heads, *(routing_outputs(design) if routing else ())]
    values = dict(zip(names, opened.run(names, dict(fed)), strict=True))
    return Seen(
        {head: values[name] for name, head in heads.items()},
        {path: _answered(values, path) for path in paths},
    )


def _answered(values: Mapping[str, Array], path: str) -> Routing:
    """A layer's decisions; no experts where it selects none."""
    probability = values[f"routing/{path}/probability"]
    return Routing(values.get(f"routing/{path}/expert", probability[..., :0]), probability)
