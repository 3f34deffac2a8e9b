"""Runs: stretches of a group's sorted rows that are handled together.

A run holds several small experts, one expert, or a part of a large one. Its matrix products go expert by
expert, everything elementwise goes over the whole run, and its scratch memory stays in cache.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Run:
    """Rows low to high of the group: sizes[i] of them for expert experts[i]. fresh: the first part of its
    expert.
    ends: where the rows of every expert of the group end, for torch's grouped_mm; None to multiply one by
    one."""

    low: int
    high: int
    experts: list[int]
    sizes: list[int]
    fresh: bool = True
    ends: Tensor | None = None

    def pieces(self, *tensors: Tensor) -> Iterable[tuple[Tensor, ...]]:
        """The rows of every expert of the run, of all `tensors`."""
        if len(self.sizes) == 1:
            return (tensors,)
        return zip(*(tensor.split(self.sizes) for tensor in tensors), strict=True)

    def spans(self) -> Iterable[tuple[int, int, int]]:
        """(expert, low, high) of every expert, rows counted from the start of the run."""
        ends = [0, *accumulate(self.sizes)]
        return zip(self.experts, ends, ends[1:], strict=False)


def whole(sizes: Sequence[int], device: torch.device) -> Run:
    """One run over all rows, multiplied by grouped_mm. There must be rows."""
    ends = list(accumulate(sizes))
    grouped = torch.tensor(ends, dtype=torch.int32, device=device)
    return Run(0, ends[-1], list(range(len(sizes))), list(sizes), ends=grouped)


def cut(sizes: Sequence[int], limit: int) -> list[Run]:
    """Runs of at most `limit` rows that cover sizes[e] rows of every expert e in order; experts without
    rows are in none.
    """
    runs: list[Run] = []
    experts: list[int] = []
    counts: list[int] = []
    low = at = 0
    for expert, size in enumerate(sizes):
        if not size:
            continue
        if counts and at - low + size > limit:
            runs.append(Run(low, at, experts, counts))
            experts, counts, low = [], [], at
        if size > limit:
            for start, end in _even_parts(at, size, limit):
                runs.append(Run(start, end, [expert], [end - start], fresh=start == at))
            low = at = at + size
        else:
            experts.append(expert)
            counts.append(size)
            at += size
    if counts:
        runs.append(Run(low, at, experts, counts))
    return runs


def _even_parts(at: int, size: int, limit: int) -> Iterator[tuple[int, int]]:
    parts = -(-size // limit)
    return ((at + size * i // parts, at + size * (i + 1) // parts) for i in range(parts))
