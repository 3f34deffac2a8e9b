"""Every analysis of one trace, by the name that the command line and the pages use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from core.analysis.arrays import LayerArrays, TraceArrays, selecting
from core.analysis.classes import token_classes
from core.analysis.coactivation import coactivation
from core.analysis.decisions import decisions
from core.analysis.differential import differential, prompts
from core.analysis.drops import drops
from core.analysis.errors import AnalysisError
from core.analysis.labels import labels
from core.analysis.matrices import LABELS, matrices
from core.analysis.placement import placement


@dataclass(frozen=True)
class Refused:
    """Why a layer has no answer, in words."""

    path: str
    refused: str


@dataclass(frozen=True)
class Show:
    """What it tells, for lists, and how: a result a layer, or one for all. Raises AnalysisError."""

    tells: str
    of: Callable[[TraceArrays], list[Any]]


def each_layer(of: Callable[[TraceArrays, LayerArrays], Any], trace: TraceArrays) -> list[Any]:
    """Every layer in order; one that has no answer says why."""
    return [_answer(of, trace, layer) for layer in trace.layers]


def _answer(of: Callable[[TraceArrays, LayerArrays], Any], trace: TraceArrays, layer: LayerArrays) -> Any:
    try:
        return of(trace, layer)
    except AnalysisError as error:
        return Refused(layer.path, str(error))


def by_label(name: str, trace: TraceArrays) -> list[Any]:
    """Matrices of a label; soft layers say why they have none."""
    found = iter(matrices(trace, LABELS[name](trace)))
    return each_layer(lambda _, layer: selecting(layer) and next(found), trace)


def every_label(trace: TraceArrays) -> list[Any]:
    """Labels of every layer; kinds of bytes are told once."""
    classes = token_classes(trace.tokens)
    return each_layer(partial(labels, classes=classes), trace)


def maps(trace: TraceArrays) -> list[Any]:
    """Which experts each domain chooses above the others."""
    found = prompts(trace)
    return [differential(found.share_PLE, found.group_P, trace.domains, paths=found.paths)]


SHOWS = {
    "domains": Show("domains against experts", partial(by_label, "domains")),
    "tasks": Show("tasks against experts", partial(by_label, "tasks")),
    "positions": Show("positions against experts", partial(by_label, "positions")),
    "classes": Show("kinds of bytes against experts", partial(by_label, "classes")),
    "pairs": Show(
        "experts that work on the same tokens, and groups of them", partial(each_layer, coactivation)
    ),
    "placement": Show("which of four devices should hold which experts", lambda trace: [placement(trace)]),
    "certainty": Show("entropy and margins of the router", partial(each_layer, decisions)),
    "drops": Show("whom capacity turned away", partial(each_layer, drops)),
    "labels": Show("what an expert's tokens have in common, with snippets", every_label),
    "map": Show("experts that one domain chooses above the others", maps),
}
