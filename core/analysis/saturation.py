"""How early routing was settled: the same tokens at every checkpoint, against the last.

Router saturation of arXiv 2409.02060. C checkpoints, T tokens, K choices of a token, E experts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.analysis.arrays import TraceArrays
from core.analysis.errors import AnalysisError
from core.analysis.load import Ints
from core.analysis.reading import Reading, figure
from core.design.saying import number

Floats = npt.NDArray[np.float64]

#: Agreement from which on routing is called settled.
SETTLED = 0.8
_TOO_FEW = (
    "Saturation compares the same tokens at two checkpoints or more. To fix this, train with traces on the"
    " way, such as --set plan.small_traces=8"
)


@dataclass(frozen=True)
class Saturation:
    """`agreement_C` [C]: mean share of a token's experts that are the same as at the last checkpoint, before
    capacity. `chance_C` is what independent choices with the same use of the experts would share."""

    steps_C: npt.NDArray[np.int64]
    agreement_C: Floats
    chance_C: Floats
    reading: Reading


def saturation(expert_C: Sequence[Ints], steps_C: npt.ArrayLike, experts: int) -> Saturation:
    """From the choices [T, K] of one layer at each checkpoint, in order; -1 is none, and K may differ.

    Where a token's numbers of experts differ, the larger one is what agreement is a share of. Tokens without
    a choice at both are left out.

    Raises:
        AnalysisError: fewer than two checkpoints, different tokens, or none of them with a choice.
    """
    if len(expert_C) < 2 or len({len(each) for each in expert_C}) > 1:
        raise AnalysisError(_TOO_FEW)
    found = [_agreement(each, expert_C[-1], experts) for each in expert_C]
    agreement_C, chance_C = np.array(found).T
    steps = np.asarray(steps_C, np.int64)
    settled = int(np.flatnonzero(np.append(True, agreement_C < SETTLED))[-1])
    first = f"{figure(100 * agreement_C[0])} %"
    shows = f"At step {number(steps[0])}, {first} of the choices were those of the last"
    # The last checkpoint agrees with itself, which says nothing.
    early = settled < len(steps) - 1
    shows += " checkpoint; "
    since = f"from step {number(steps[settled])} on it was 80 % or more."
    shows += since if early else "80 % was never reached before."
    trap = "Agreement is measured on the same tokens before capacity, and a busy expert agrees by itself."
    chance = f"Choices that only share how busy the experts are would agree in {figure(100 * chance_C[0])} %."
    return Saturation(steps, agreement_C, chance_C, Reading(shows, trap, chance))


def over_traces(traces: Sequence[TraceArrays], steps_C: npt.ArrayLike) -> dict[str, Saturation]:
    """Saturation by path of every layer that selects, from traces of one run in order of their steps.

    A trace may hold only the first examples of each domain: all are compared on those of the shortest.

    Raises:
        AnalysisError: fewer than two traces, or ones of other tokens or layers.
    """
    if len(traces) < 2:
        raise AnalysisError(_TOO_FEW)
    fewest = min(traces, key=lambda trace: len(trace.tokens.sequence))
    rows_C = [_rows(trace, fewest) for trace in traces]
    paths = [[layer.path for layer in trace.layers] for trace in traces]
    if any(each != paths[0] for each in paths):
        raise AnalysisError(
            "The traces have different layers. To fix this, compare traces that one run left."
        )
    found = {}
    for i, last in enumerate(traces[-1].layers):
        if not last.soft:
            chosen = [trace.layers[i].expert[rows] for trace, rows in zip(traces, rows_C, strict=True)]
            found[last.path] = saturation(chosen, steps_C, last.experts)
    return found


def _rows(trace: TraceArrays, fewer: TraceArrays) -> npt.NDArray[np.int64]:
    """The rows of a trace that are the tokens of another."""
    size = 1 + max(int(each.tokens.position.max(initial=0)) for each in (trace, fewer))
    many = 1 + max(len(each.tokens.sequence) for each in (trace, fewer))
    key_T, wanted = _keys(trace, many, size), _keys(fewer, many, size)
    order = np.argsort(key_T, kind="stable")
    at = np.minimum(np.searchsorted(key_T[order], wanted), len(key_T) - 1)
    rows = order[at]
    if (key_T[rows] != wanted).any() or (trace.tokens.token[rows] != fewer.tokens.token).any():
        raise AnalysisError(
            "The traces are of different tokens. To fix this, compare traces that one run left."
        )
    return rows


def _keys(trace: TraceArrays, many: int, size: int) -> npt.NDArray[np.int64]:
    """Domain, number of the example in its domain, and position of every token, as one number [T]."""
    tokens = trace.tokens
    sequences, first, of_T = np.unique(tokens.sequence, return_index=True, return_inverse=True)
    domain_S = tokens.domain[first].astype(np.int64)
    rank_S = np.zeros(len(sequences), np.int64)
    for domain in np.unique(domain_S):
        rank_S[domain_S == domain] = np.arange((domain_S == domain).sum())
    return np.asarray((domain_S * many + rank_S)[of_T] * size + tokens.position)


def _agreement(one_TK: Ints, other_TK: Ints, experts: int) -> tuple[float, float]:
    """Agreement of two sets of choices, and what chance would give."""
    one, other = (np.asarray(each, np.int64) for each in (one_TK, other_TK))
    same_T = np.zeros(len(one), np.int64)
    for column_T in one.T:
        same_T += (column_T[:, None] == other).any(axis=1) & (column_T >= 0)
    most_T = np.maximum((one >= 0).sum(axis=1), (other >= 0).sum(axis=1))
    some_T = most_T > 0
    if not some_T.any():
        raise AnalysisError("No token has a choice at these checkpoints. To fix this, trace more tokens.")
    share_E, other_share_E = (
        np.bincount(each[each >= 0], minlength=experts) / some_T.sum() for each in (one, other)
    )
    chance = (share_E * other_share_E).sum() / most_T[some_T].mean()
    return float((same_T[some_T] / most_T[some_T]).mean()), float(chance)
