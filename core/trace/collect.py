"""A model over an evaluation set, every decision written down. Torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.design.bodies.moe import Moe
from core.design.bodies.routed_block import RoutedBlock
from core.design.spec import Design
from core.model.model import Model
from core.model.passing import Output, Pass
from core.model.routing.record import RoutingRecord
from core.trace.record import Header, LayerHeader, RoutedLayer, Tokens, Trace, soft_layer

Array = npt.NDArray[Any]
FLOAT32_BYTES = 4
E = TypeVar("E", bound="Examples")


class Examples(Protocol):
    """A batch: inputs [B, ...], targets by head, domain [B], task_id [B] or None."""

    @property
    def inputs(self) -> Array: ...
    @property
    def targets(self) -> Mapping[str, Array]: ...
    @property
    def domain(self) -> npt.NDArray[np.int16]: ...
    @property
    def task_id(self) -> Array | None: ...
    def __len__(self) -> int: ...


#: (output, batch) -> loss [B, S] of tokens, or [B] of whole examples.
Nll = Callable[[Output, Examples], Tensor]


@torch.no_grad()
def collect(
    model: Model,
    batches: Sequence[Examples],
    *,
    domains: tuple[str, ...],
    nll: Nll,
    run: str,
    step: int,
    progress: float,
    seed: int,
    probability: bool = True,
) -> Trace:
    """The trace of these batches (one at least), in order. Sequences are numbered through.

    The model is put into eval mode and back. `progress` is where schedules are read.
    """
    was_training = model.training
    model.eval()
    try:
        parts = [_run(model, batch, len(domains), nll, step, progress, seed) for batch in batches]
    finally:
        model.train(was_training)
    tokens = _tokens(batches, parts, model.design.task.kind == "language_model")
    layers = _layers(model.design, [records for _, records in parts], probability)
    header = Header(
        run=run,
        checkpoint=step,
        design=model.design.sha,
        seed=seed,
        domains=domains,
        tokens=len(tokens.sequence),
        layers=tuple(layer.header for layer in layers),
    )
    return Trace(header, tokens, layers)


def pass_of(batch: Examples, domains: int, **circumstances: Any) -> Pass:
    """The circumstances of a batch."""
    task_id = None if batch.task_id is None else torch.from_numpy(batch.task_id)
    return Pass(task_id=task_id, domain=torch.from_numpy(batch.domain), domains=domains, **circumstances)


_Part = tuple[Array, dict[str, RoutingRecord]]


def _run(
    model: Model, batch: Examples, domains: int, nll: Nll, step: int, progress: float, seed: int
) -> _Part:
    passing = pass_of(batch, domains, step=step, progress=progress, seed=seed, record="full")
    output = model(torch.from_numpy(batch.inputs), passing)
    each = nll(output, batch)
    if each.dim() == 1:
        each = each[:, None].expand(-1, _tokens_each(model.design, batch))
    return each.float().numpy(), output.records


def _tokens_each(design: Design, batch: Examples) -> int:
    text = design.task.kind == "language_model"
    return int(batch.inputs.shape[1]) if text else design.task.tokens


def _tokens(batches: Sequence[Examples], parts: Sequence[_Part], text: bool) -> Tokens:
    nll = [each for each, _ in parts]
    lengths = np.array([each.shape[1] for each in nll for _ in each], np.int64)
    total = int(lengths.sum())
    tasks = [np.full(len(b), -1) if b.task_id is None else b.task_id for b in batches]
    token = np.concatenate([b.inputs.ravel() for b in batches]) if text else np.full(total, -1)
    return Tokens(
        sequence=np.repeat(np.arange(len(lengths), dtype=np.int32), lengths),
        position=np.concatenate([np.arange(length, dtype=np.int32) for length in lengths]),
        forward=np.zeros(total, np.int16),
        phase=np.zeros(total, np.int8),
        domain=np.repeat(np.concatenate([b.domain for b in batches]), lengths).astype(np.int16),
        task=np.repeat(np.concatenate(tasks), lengths).astype(np.int16),
        token=token.astype(np.int32),
        nll=np.concatenate([each.ravel() for each in nll]).astype(np.float32),
    )


def _layers(
    design: Design, records: Sequence[dict[str, RoutingRecord]], probability: bool
) -> tuple[RoutedLayer, ...]:
    routed = [(o.path, o.body) for o in design.occurrences() if isinstance(o.body, Moe | RoutedBlock)]
    return tuple(
        _layer(path, body, expert_bytes(body, design), [found[path] for found in records], probability)
        for path, body in routed
    )


def _layer(
    path: str,
    body: Moe | RoutedBlock,
    each: tuple[int, ...],
    records: list[RoutingRecord],
    probability: bool,
) -> RoutedLayer:
    def column(name: str) -> list[Array]:
        return [getattr(record, name).numpy() for record in records]

    if records[0].selected_TK is None:
        header = LayerHeader(
            path=path,
            scope=body.router.scope,
            experts=body.count,
            k=0,
            soft=True,
            probability=True,
            expert_bytes=each,
        )
        shares = np.concatenate(column("probability_TE"))
        return soft_layer(header, np.concatenate(column("entropy_T")), shares)
    chosen, taken = padded(column("selected_TK"), -1), padded(column("expert_TK"), -1)
    header = LayerHeader(
        path=path,
        scope=body.router.scope,
        experts=body.count,
        k=chosen.shape[1],
        probability=probability,
        expert_bytes=each,
    )
    return RoutedLayer(
        header,
        expert=chosen.astype(np.int16),
        weight=padded(column("weight_TK"), 0).astype(np.float16),
        accepted=taken >= 0,
        entropy=np.concatenate(column("entropy_T")).astype(np.float32),
        margin=np.concatenate(column("margin_T")).astype(np.float32),
        probability=np.concatenate(column("probability_TE")).astype(np.float16) if probability else None,
    )


def padded(arrays: Sequence[Array], filler: float) -> Array:
    """Arrays [T, K] below each other, each widened to the largest K."""
    widest = max(array.shape[1] for array in arrays)
    wide = [((0, 0), (0, widest - array.shape[1])) for array in arrays]
    return np.concatenate(
        [np.pad(a, more, constant_values=filler) for a, more in zip(arrays, wide, strict=True)]
    )


def expert_bytes(body: Moe | RoutedBlock, design: Design) -> tuple[int, ...]:
    """Bytes of the float32 weights of each routed expert."""
    if isinstance(body, RoutedBlock):
        tasks = len(design.task.task_names)
        weights = (*body.weights(design.width, tasks), *body.norms(design.norm, design.width))
        copied = sum(weight.each * weight.copies for weight in weights if weight.role == "expert")
        return (FLOAT32_BYTES * copied // body.count,) * body.count
    sizes = []
    for group in body.experts:
        each = sum(weight.each for weight in group.weights(design.width, "expert"))
        sizes += [FLOAT32_BYTES * each] * group.count
    return tuple(sizes)
