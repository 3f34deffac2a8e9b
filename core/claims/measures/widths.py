"""Experts of unequal widths: what a token meets, and whether narrow ones are used more (arXiv 2408.10681)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.analysis.load import load
from core.claims.measures.base import Subject, over_layers, register


def _widths(subject: Subject, path: str) -> npt.NDArray[np.float64]:
    """Hidden width of each routed expert [E]."""
    groups = subject.body(path).experts
    return np.repeat([float(group.inner) for group in groups], [group.count for group in groups])


@register("active_width")
def active_width(subject: Subject, argument: str) -> float | None:
    """Mean over tokens of the summed widths of the experts that took them."""
    these = subject.of_domains(argument)
    found: list[float | None] = []
    for layer in subject.hard:
        # An expert of -1 is never accepted, so whose width it gets here does not matter.
        width_TK = _widths(subject, layer.path)[layer.expert[these]]
        found.append(float((width_TK * layer.accepted[these]).sum(axis=1).mean()))
    return over_layers(found)


@register("size_use_correlation")
def size_use_correlation(subject: Subject, argument: str) -> float | None:
    """Pearson correlation over experts of width and load; None where either is the same for all."""
    found: list[float | None] = []
    for layer in subject.hard:
        width_E = _widths(subject, layer.path)
        load_E = load(layer.expert, layer.accepted, layer.experts).astype(np.float64)
        flat = not width_E.std() or not load_E.std()
        found.append(None if flat else float(np.corrcoef(width_E, load_E)[0, 1]))
    return over_layers(found)
