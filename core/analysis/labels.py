"""What an expert's tokens have in common, told by statistics, and the tokens it took most strongly.

No model writes these labels: a trait is a kind of byte, a byte or a domain that the expert gets more often
than all experts do. It is found in one half of the examples and kept if it holds in the other.
T tokens, E experts, F features (values that a trait may have).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from core.analysis.arrays import LayerArrays, TraceArrays, selecting
from core.analysis.classes import NAMES, Classes, byte_name, token_classes
from core.analysis.deal import held_out
from core.analysis.load import Bools
from core.analysis.matrices import lift, residual
from core.analysis.reading import Reading, counted, figure
from core.analysis.tally import taken, tally

SNIPPETS = 6
BEFORE, AFTER = 24, 12
#: A trait holds if it is that many times as frequent in the half it was not found in, on so many tokens, and
#: that many roots of the expected number above it.
LEAST_LIFT, FEWEST, SURE = 1.5, 10, 3.0
#: Traits that are tried on the other half, and those that are named.
TRIED, MOST_TRAITS = 6, 3
#: A byte must beat its kind by this factor to be named beside it.
BEATS = 1.25
#: Strongest tokens looked at to find snippets of different examples.
POOL = 64


@dataclass(frozen=True)
class Snippet:
    """A token in its surroundings. `strength` is its probability of the expert, or the weight it got."""

    sequence: int
    position: int
    before: str
    token: str
    after: str
    strength: float


@dataclass(frozen=True)
class Trait:
    """`lift` times as frequent among the expert's tokens as among all, and `share` of them have it, both in
    the half that it was not found in."""

    kind: str
    name: str
    lift: float
    share: float


@dataclass(frozen=True)
class ExpertLabel:
    """One expert: `label` puts its traits in words, `snippets` are of different examples, strongest first."""

    expert: int
    tokens: int
    label: str
    traits: tuple[Trait, ...]
    snippets: tuple[Snippet, ...]


@dataclass(frozen=True)
class Labels:
    """Every expert of one layer, in order."""

    path: str
    experts: tuple[ExpertLabel, ...]
    reading: Reading


def labels(
    trace: TraceArrays,
    layer: LayerArrays,
    snippets: int = SNIPPETS,
    seed: int = 0,
    classes: Classes | None = None,
) -> Labels:
    """Labels and top snippets of one layer. `classes` are the tokens' where they are known already.

    Raises:
        AnalysisError: a soft layer, tokens that are not bytes, or a trace of one example.
    """
    selecting(layer)
    classes = classes or token_classes(trace.tokens)
    found_EX = _traits(trace, layer, classes, held_out(trace.tokens.sequence, seed))
    tops = _strongest(layer)
    strength = "probability" if layer.probability is not None else "weight"
    experts = tuple(
        ExpertLabel(
            expert,
            number,
            _words(found_EX[expert], number),
            found_EX[expert],
            _snippets(trace, classes, rows, strengths, snippets),
        )
        for expert, (number, rows, strengths) in enumerate(tops)
    )
    named = sum(bool(each.traits) for each in experts)
    shows = f"{counted(named, 'expert')} of {layer.experts} can be told by the bytes they get."
    chance = (
        f"A trait is named if it is {figure(LEAST_LIFT)} times as frequent as among all tokens, in examples"
    )
    chance += " that it was not found in."
    trap = "A label says what an expert is sent, not what it does with it; snippets show the strongest by"
    return Labels(layer.path, experts, Reading(shows, f"{trap} {strength}, not typical tokens.", chance))


def _traits(
    trace: TraceArrays, layer: LayerArrays, classes: Classes, other_T: Bools
) -> list[tuple[Trait, ...]]:
    """The best traits of every expert."""
    byte_T = trace.tokens.token.astype(np.int64)
    kinds = {
        "kind of byte": (classes.of_T, NAMES),
        "byte": (byte_T, tuple(byte_name(byte) for byte in range(256))),
        "domain": (trace.tokens.domain.astype(np.int64), trace.domains),
    }
    class_of_byte = np.zeros(256, np.int64)
    class_of_byte[byte_T] = classes.of_T
    gain_FE, holds_FE = [], []
    trait_FE, same = [], []
    halves = [(of_T + len(names) * other_T, 2 * len(names)) for of_T, names in kinds.values()]
    taken_KT = taken(layer.expert, layer.accepted, layer.experts)
    tallied = tally(halves, taken_KT, layer.experts)
    for (kind, (_, names)), counts in zip(kinds.items(), tallied, strict=True):
        F = len(names)
        fit_FE, test_FE = counts[:F], counts[F:]
        fit_lift_FE, lift_FE = lift(fit_FE), lift(test_FE)
        share_FE = test_FE / np.maximum(test_FE.sum(axis=0), 1)
        found_FE = np.nan_to_num(fit_lift_FE) >= LEAST_LIFT
        gain_FE.append(np.where(found_FE, fit_FE * np.log(np.where(found_FE, fit_lift_FE, 1)), 0))
        lifts_FE = np.nan_to_num(lift_FE)
        holds_FE.append((lifts_FE >= LEAST_LIFT) & (test_FE >= FEWEST) & (residual(test_FE) >= SURE))
        trait_FE += [(kind, name, lift_FE[f], share_FE[f]) for f, name in enumerate(names)]
        same += [
            ("kind of byte", NAMES[class_of_byte[f]]) if kind == "byte" else (kind, names[f])
            for f in range(F)
        ]
    gains, holds = np.concatenate(gain_FE), np.concatenate(holds_FE)
    return [_best(e, gains[:, e], holds[:, e], trait_FE, same) for e in range(layer.experts)]


def _best(
    expert: int,
    gain_F: npt.NDArray[np.float64],
    holds_F: Bools,
    traits: list[tuple[str, str, npt.NDArray[np.float64], npt.NDArray[np.float64]]],
    same: list[tuple[str, str]],
) -> tuple[Trait, ...]:
    """Of the few traits that explain most in one half those that hold in the other; trying all would find
    some that hold by chance. A byte is not named beside its kind unless it tells more."""
    found: list[Trait] = []
    for f in np.argsort(-gain_F, kind="stable")[:TRIED]:
        kind, name, lift_E, share_E = traits[f]
        known = [trait for trait in found if (trait.kind, trait.name) == same[f]]
        if not gain_F[f] or not holds_F[f] or (known and lift_E[expert] < BEATS * known[0].lift):
            continue
        if any(trait.name == name for trait in found):  # a space is a byte and a kind of byte
            continue
        found.append(Trait(kind, name, float(lift_E[expert]), float(share_E[expert])))
    return tuple(found[:MOST_TRAITS])


def _words(traits: tuple[Trait, ...], tokens: int) -> str:
    if not tokens:
        return "no tokens"
    if not traits:
        return "no clear pattern"
    return ", ".join(f"{trait.name} ({figure(trait.lift)}×)" for trait in traits)


def _strongest(
    layer: LayerArrays,
) -> list[tuple[int, npt.NDArray[np.int64], npt.NDArray[np.float64]]]:
    """Of each expert: how many tokens it took, the strongest, and how strong. Ties go to the first token."""
    chosen = np.flatnonzero(layer.accepted & (layer.expert >= 0))
    row, expert = chosen // layer.expert.shape[1], layer.expert.ravel()[chosen]
    known = layer.weight.ravel()[chosen] if layer.probability is None else layer.probability[row, expert]
    order = np.argsort(expert, kind="stable")
    strength = np.asarray(known[order], np.float64)
    ends = np.searchsorted(expert[order], np.arange(layer.experts + 1))
    found = []
    for start, end in pairwise(ends.tolist()):
        kept = _largest(strength[start:end], POOL)
        found.append((end - start, row[order[start + kept]], strength[start + kept]))
    return found


def _largest(values: npt.NDArray[np.float64], most: int) -> npt.NDArray[np.int64]:
    """Where the largest values are, in falling order; ties in the order they stand."""
    if len(values) > most:
        least = np.partition(values, -most)[-most]
        above = np.flatnonzero(values > least)
        kept = np.concatenate([above, np.flatnonzero(values == least)[: most - len(above)]])
    else:
        kept = np.arange(len(values))
    return kept[np.lexsort((kept, -values[kept]))]


def _snippets(
    trace: TraceArrays,
    classes: Classes,
    rows: npt.NDArray[np.int64],
    strengths: npt.NDArray[np.float64],
    most: int,
) -> tuple[Snippet, ...]:
    """The strongest tokens, one of each example."""
    _, first = np.unique(trace.tokens.sequence[rows], return_index=True)
    return tuple(
        _snippet(trace, classes, int(rows[at]), float(strengths[at])) for at in np.sort(first)[:most]
    )


def _snippet(trace: TraceArrays, classes: Classes, row: int, strength: float) -> Snippet:
    at = int(classes.at_T[row])
    before = classes.text[max(0, at - BEFORE) : at].rsplit(b"\0", 1)[-1]
    after = classes.text[at + 1 : at + 1 + AFTER].split(b"\0", 1)[0]
    return Snippet(
        int(trace.tokens.sequence[row]),
        int(trace.tokens.position[row]),
        _shown(before),
        _shown(classes.text[at : at + 1]),
        _shown(after),
        strength,
    )


def _shown(text: bytes) -> str:
    return text.decode("utf-8", "replace")
