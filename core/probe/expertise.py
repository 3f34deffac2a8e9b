"""The question `expertise`: what every token would lose under every expert of a layer (arXiv 2403.00694)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from core.data.base import Batch
from core.design.base import Spec, field
from core.design.bodies.moe import Moe as MoeSpec
from core.probe.answers import Counterfactuals
from core.probe.errors import ProbeError
from core.probe.losses import chosen_domains
from core.probe.parts import selecting_layer
from core.probe.subject import Subject
from core.trace.collect import pass_of
from core.trace.counterfactual import Case, losses_at_once, losses_one_by_one, mixing_above
from core.trace.override import OverrideError
from core.train.evaluate import nll_of


class Ask(Spec):
    """A layer by its path, the last routed one where none is named; held-out examples a domain.

    tokens: how many are measured, all domains together, where each needs copies of its example.
    """

    path: str | None = None
    domains: tuple[str, ...] = ()
    examples: int = field(16, ge=1, le=4096)
    tokens: int = field(400, ge=1, le=100_000)
    seed: int = field(0, ge=0, le=2**31 - 1)


def answer(subject: Subject, ask: Ask) -> Counterfactuals:
    """Losses of all tokens, or of a sample. Raises ProbeError."""
    path = selecting_layer(subject, ask.path)
    _decides_alone(subject, path)
    names = chosen_domains(subject, ask.domains)
    at_once = mixing_above(subject.design, path) is None
    rng = np.random.default_rng(ask.seed)
    columns: list[tuple[np.ndarray, ...]] = []
    sequences = 0
    share = -(-ask.tokens // len(names))
    with subject.overridden():
        for name in names:
            batch = subject.held_out(name, ask.examples)
            size = subject.plan.batch if at_once else len(batch)
            for piece in batch.pieces(size):
                columns.append(_measured(subject, path, piece, sequences, None if at_once else share, rng))
                sequences += len(piece)
    *whole, picks_N = (np.concatenate(column) for column in zip(*columns, strict=True))
    experts = whole[0].shape[1]
    if (picks_N == experts).all():
        raise ProbeError(
            f"Layer {path} sends every token to all {experts} of its experts, so there is no choice to judge."
            " To fix this, choose a layer or a run that picks fewer."
        )
    domains = subject.dataset.facts.domains
    return Counterfactuals(subject.run, subject.step, path, at_once, domains, *whole)


def _decides_alone(subject: Subject, path: str) -> None:
    """Raises ProbeError where copies of an example would change what the others get."""
    for place in subject.design.occurrences():
        if isinstance(place.body, MoeSpec):
            if place.path == path and place.body.router.scope != "token":
                raise ProbeError(
                    f"Layer {path} decides for a whole {place.body.router.scope} at once, so no token can be"
                    " tried under another expert alone. To fix this, choose a layer or a run that routes"
                    " each token by itself."
                )
            router = place.body.router.model_copy(update={"capacity": None})
            if router.combine.selects and router.whole_batch:
                raise ProbeError(
                    f"Layer {place.path} decides over a whole batch, so no token can be tried under another"
                    " expert alone. To fix this, choose a run whose routers look at one token or example."
                )


def _measured(
    subject: Subject,
    path: str,
    batch: Batch,
    before: int,
    sample: int | None,
    rng: np.random.Generator,
) -> tuple[np.ndarray, ...]:
    """The arrays of `Counterfactuals`, of all tokens or of so many, in their order; last, how many experts
    each token was sent to."""
    try:
        found = _losses(subject, path, batch, sample, rng)
    except OverrideError as error:
        raise ProbeError(str(error)) from error
    loss_NE, selected_NK, actual_N, token_N = found
    S = subject.design.task.tokens if batch.inputs.dtype.kind == "f" else batch.inputs.shape[1]
    at_N, row_N = token_N % S, token_N // S
    text = batch.inputs.dtype.kind != "f"
    ids_N = batch.inputs.reshape(-1)[token_N] if text else np.full(len(token_N), -1)
    return (
        loss_NE.float().numpy(),
        selected_NK[:, 0].to(torch.int16).numpy(),
        actual_N.float().numpy(),
        ids_N.astype(np.int32),
        at_N.astype(np.int32),
        (before + row_N).astype(np.int32),
        batch.domain[row_N].astype(np.int16),
        (selected_NK >= 0).sum(1).numpy(),
    )


def _losses(
    subject: Subject, path: str, batch: Batch, sample: int | None, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor, np.ndarray]:
    model, domains = subject.model, int(batch.domain.max()) + 1
    state = {"step": subject.step, "progress": subject.progress, "seed": subject.plan.seed}

    def forward(row_R: Tensor, record: str = "none") -> tuple[Tensor, Tensor | None]:
        some = _rows(batch, row_R.numpy())
        output = model(torch.from_numpy(some.inputs), pass_of(some, domains, record=record, **state))
        told = output.records.get(path)
        return nll_of(model, output, some), None if told is None else told.selected_TK

    actual, selected_TK = forward(torch.arange(len(batch)), "full")
    assert selected_TK is not None
    S = len(selected_TK) // len(batch)
    actual_T = (actual if actual.dim() == 2 else actual[:, None].expand(-1, S)).reshape(-1)
    case = Case(model, path, (len(batch), S), lambda row_R: forward(row_R)[0])
    known_N = np.flatnonzero(torch.isfinite(actual_T).numpy())
    if sample is None:
        token_N = known_N
        loss_NE = losses_at_once(case)[torch.from_numpy(token_N)]
    else:
        token_N = np.sort(rng.choice(known_N, min(sample, len(known_N)), replace=False))
        loss_NE = losses_one_by_one(case, torch.from_numpy(token_N))
    at_N = torch.from_numpy(token_N)
    return loss_NE, selected_TK[at_N], actual_T[at_N], token_N


def _rows(batch: Batch, row_R: np.ndarray) -> Batch:
    targets = {head: target[row_R] for head, target in batch.targets.items()}
    task_id = None if batch.task_id is None else batch.task_id[row_R]
    return replace(
        batch,
        inputs=batch.inputs[row_R],
        targets=targets,
        domain=batch.domain[row_R],
        origin=batch.origin[row_R],
        task_id=task_id,
    )
