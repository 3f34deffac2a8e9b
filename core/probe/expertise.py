"""The question `expertise`: what every token would lose under every expert of a layer (arXiv 2403.00694)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from core.data.base import Batch
from core.design.base import Spec, field
from core.design.bodies.moe import Moe as MoeSpec
from core.probe.answers import Counterfactuals
from core.probe.errors import ProbeError
from core.probe.losses import chosen_domains
from core.probe.parts import banks, selecting_layer
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
    sample = None if at_once else -(-ask.tokens // len(names))
    with subject.overridden():
        usual = []
        for name in names:
            batch = subject.held_out(name, ask.examples)
            size = subject.plan.batch if at_once else len(batch)
            usual += [_routed(subject, path, piece) for piece in batch.pieces(size)]
        _chooses(subject, path, usual)
        before = np.cumsum([0, *(len(one.batch) for one in usual)])
        columns = [_measured(one, int(first), sample, rng) for one, first in zip(usual, before, strict=False)]
    whole = (np.concatenate(column) for column in zip(*columns, strict=True))
    domains = subject.dataset.facts.domains
    return Counterfactuals(subject.run, subject.step, path, at_once, domains, *whole)


@dataclass(frozen=True)
class _Usual:
    """One batch as the run itself routes it: losses and picks of its tokens."""

    batch: Batch
    case: Case
    actual_T: Tensor
    selected_TK: Tensor

    @property
    def known_N(self) -> np.ndarray:
        """Tokens that have a loss."""
        return np.flatnonzero(torch.isfinite(self.actual_T).numpy())


def _chooses(subject: Subject, path: str, usual: list[_Usual]) -> None:
    """Raises ProbeError where every token goes to all experts: before they are tried, which takes long."""
    experts = banks(subject)[path]
    if experts == 1:
        raise ProbeError(
            f"Layer {path} has one expert, so there is no choice to judge. To fix this, choose a layer or a"
            " run with two or more."
        )
    picked = (one.selected_TK[torch.from_numpy(one.known_N)] >= 0 for one in usual)
    if all(bool((each_NK.sum(1) == experts).all()) for each_NK in picked):
        raise ProbeError(
            f"Layer {path} sends every token to all {experts} of its experts, so there is no choice to judge."
            " To fix this, choose a layer or a run that picks fewer."
        )


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


def _routed(subject: Subject, path: str, batch: Batch) -> _Usual:
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
    return _Usual(batch, case, actual_T, selected_TK)


def _measured(
    usual: _Usual, before: int, sample: int | None, rng: np.random.Generator
) -> tuple[np.ndarray, ...]:
    """The arrays of `Counterfactuals`, of all tokens or of so many, in their order; `before`: examples that
    came earlier."""
    token_N, batch = usual.known_N, usual.batch
    try:
        if sample is None:
            loss_NE = losses_at_once(usual.case)[torch.from_numpy(token_N)]
        else:
            token_N = np.sort(rng.choice(token_N, min(sample, len(token_N)), replace=False))
            loss_NE = losses_one_by_one(usual.case, torch.from_numpy(token_N))
    except OverrideError as error:
        raise ProbeError(str(error)) from error
    at_N = torch.from_numpy(token_N)
    row_N, place_N = np.divmod(token_N, usual.case.shape[1])
    text = batch.inputs.dtype.kind != "f"
    ids_N = batch.inputs.reshape(-1)[token_N] if text else np.full(len(token_N), -1)
    return (
        loss_NE.float().numpy(),
        usual.selected_TK[at_N, 0].to(torch.int16).numpy(),
        usual.actual_T[at_N].float().numpy(),
        ids_N.astype(np.int32),
        place_N.astype(np.int32),
        (before + row_N).astype(np.int32),
        batch.domain[row_N].astype(np.int16),
    )


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
