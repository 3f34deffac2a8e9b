"""Losses of single sequences while overrides hold, and how sure a difference is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.claims.statistics import student_quantile
from core.data.base import Batch
from core.design.override import Override
from core.probe.answers import Shift
from core.probe.errors import ProbeError
from core.probe.subject import Subject
from core.trace.collect import pass_of
from core.train.evaluate import nll_of

Floats = npt.NDArray[np.float64]

WHOLE = "all tokens"
HALF = "the second half of every sequence, as if it were generated after the first"


def by_phase(wanted: Mapping[str, Override]) -> bool:
    """Whether some override is for the prompt only, or for what is generated only."""
    return any(spec.scope != "all" and not spec.idle for spec in wanted.values())


def losses(subject: Subject, batch: Batch, wanted: Mapping[str, Override], *, halves: bool = False) -> Floats:
    """Mean loss of each labelled sequence [B]. halves: the second half of every sequence counts as generated,
    and only its loss is told. Raises ProbeError where nothing has a loss."""
    with subject.overridden(wanted):
        found = [_losses(subject, piece, halves) for piece in batch.pieces(subject.plan.batch)]
    found_B: Floats = np.concatenate(found) if found else np.empty(0)
    if not len(found_B):
        raise ProbeError(
            "None of these examples has an answer to compare with, so there is no loss. To fix this, use"
            " other ones."
        )
    return found_B


def _losses(subject: Subject, batch: Batch, halves: bool) -> Floats:
    inputs = torch.from_numpy(batch.inputs)
    decode = _second_half(inputs) if halves else None
    domains = int(batch.domain.max()) + 1
    passing = pass_of(
        batch, domains, step=subject.step, progress=subject.progress, seed=subject.plan.seed, decode=decode
    )
    nll = nll_of(subject.model, subject.model(inputs, passing), batch)
    if decode is not None:
        nll = nll.masked_fill(~decode, torch.nan)
    each_B: Floats = nll.reshape(len(nll), -1).nanmean(1).double().numpy()
    return each_B[np.isfinite(each_B)]  # an example without any label has no loss


def _second_half(inputs_BS: Tensor) -> Tensor:
    S = inputs_BS.shape[1]
    return (torch.arange(S) >= S // 2).expand(inputs_BS.shape[0], S)


def shift(domain: str, before_B: Floats, after_B: Floats) -> Shift:
    """The difference with its interval, paired over sequences."""
    difference_B = after_B - before_B
    ends = interval(difference_B)
    return Shift(
        domain,
        len(difference_B),
        float(before_B.mean()),
        float(after_B.mean()),
        float(difference_B.mean()),
        *(ends or (None, None)),
    )


def interval(difference_B: Floats) -> tuple[float, float] | None:
    """Student's 95 % interval of the mean of paired differences; None for a single one."""
    B = len(difference_B)
    if B < 2:
        return None
    mean = float(difference_B.mean())
    reach = _quantile(B - 1) * float(difference_B.std(ddof=1)) / B**0.5
    return mean - reach, mean + reach


@cache
def _quantile(degrees: int) -> float:
    return student_quantile(0.975, degrees)


def chosen_domains(subject: Subject, names: Sequence[str]) -> tuple[str, ...]:
    """The named domains, or all. Raises ProbeError for data that is gone."""
    return tuple(names) or subject.dataset.facts.domains
