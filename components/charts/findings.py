"""The sentence above a chart, made from its data; it says so where nothing stands out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from components.heat.grid import row_shares
from core.analysis.intervals import wilson_low
from core.analysis.reading import counted, figure
from core.design.saying import plural

#: Under this many times its fair share an expert does not stand out.
NOTABLE = 1.5
#: Under this many times a domain's share of all tokens an expert does not prefer it.
PREFERRED = 1.25

Points = Sequence[tuple[int, float]]


def losses(series: Mapping[str, Points], what: str = "loss") -> str:
    """On lines of losses: who is hard, who is easy, or how far a single one fell."""
    ended = {name: points[-1][1] for name, points in series.items() if points}
    if not ended:
        return f"No {what} has been recorded yet"
    hardest, easiest = max(ended, key=ended.__getitem__), min(ended, key=ended.__getitem__)
    if len(ended) == 1:
        points = series[hardest]
        if len(points) == 1:
            return f"{_first(what)} starts at {points[0][1]:.2f}"
        verb = "fell" if points[-1][1] < points[0][1] else "rose"
        return f"{_first(what)} {verb} from {points[0][1]:.2f} to {points[-1][1]:.2f}"
    if ended[hardest] - ended[easiest] < 0.05 * ended[hardest]:
        return f"All {len(ended)} are learned equally well, at about {np.mean(list(ended.values())):.2f}"
    high, low = ended[hardest], ended[easiest]
    return f"{_first(hardest)} is hardest, at {high:.2f}; {easiest} is easiest, at {low:.2f}"


def domain_experts(domains: Sequence[str], counts_NE: npt.ArrayLike, kinds_E: Sequence[str] = ()) -> str:
    """On the experts of one layer by domain: the expert furthest above its fair share, and for whom.

    `kinds_E`: what an expert is if not of the usual kind, else empty; nothing where all are of one kind.
    """
    shares = row_shares(counts_NE)
    if not shares.size or not shares.any():
        return "No token has been routed yet"
    fair = 1 / shares.shape[1]
    if shares.max() < NOTABLE * fair:
        return "No expert is far from its fair share in any domain"
    picks_N = np.asarray(counts_NE, np.float64).sum(axis=1)
    sure = wilson_low(counts_NE, picks_N[:, None], shares.size) > fair
    stand_out = np.where(sure & (shares >= NOTABLE * fair), shares, 0.0)
    if not stand_out.any():
        return f"{_counted(picks_N.sum(), 'pick')} are too few to tell which expert takes which domain"
    domain, expert = divmod(int(stand_out.argmax()), shares.shape[1])
    times = shares[domain, expert] / fair
    also = [d for d in range(len(domains)) if d != domain and stand_out[d, expert]]
    who = f"{_percent(shares[domain, expert])} of {domains[domain]}"
    named = f"Expert {expert}{f' ({kinds_E[expert]})' if kinds_E and kinds_E[expert] else ''}"
    if also:
        return f"{named} takes {who}, and more than its share of {_names([domains[d] for d in also])}"
    return f"{named} takes {who}, {times:.1f} times its fair share"


def shares(rows: Sequence[tuple[str, npt.ArrayLike]], of: str = "") -> str:
    """On shares of experts that all work for every token: the share furthest above an even one."""
    pairs = [(name, np.asarray(share_E, np.float64)) for name, share_E in rows]
    used = [(name, share_E) for name, share_E in pairs if share_E.sum()]
    if not used:
        return "No token has been traced yet"
    name, share_E = max(used, key=lambda pair: pair[1].max() * len(pair[1]))
    expert, times = int(share_E.argmax()), share_E.max() * len(share_E)
    place = f"{name}, {of}" if of else name
    if times < NOTABLE:
        return f"No expert's share is far from even{f' in {of}' if of else ''}"
    return f"Expert {expert} has the largest share in {place}: {times:.1f} times an even one"


def loads(
    layers: Sequence[tuple[str, npt.ArrayLike]],
    of: str = "",
    kinds: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """On the load of all layers: dead experts first, else the busiest.

    `kinds`: of the layers by name, what an expert is if not of the usual kind, else empty.
    """
    pairs = [(name, np.asarray(load_E, np.float64)) for name, load_E in layers]
    used = [(name, load_E) for name, load_E in pairs if load_E.sum()]
    if not used:
        return "No token has been routed yet"
    dead = sum(int((load_E == 0).sum()) for _, load_E in used)
    total = sum(len(load_E) for _, load_E in used)
    tokens = f"{of} token" if of else "token"
    name, load_E = max(used, key=lambda pair: pair[1].max() / pair[1].mean())
    times = load_E.max() / load_E.mean()
    sure = wilson_low(load_E.max(), load_E.sum(), total) > 1 / len(load_E)
    expert = int(load_E.argmax())
    kind = (kinds or {}).get(name, [""] * len(load_E))[expert]
    who = f"expert {expert}{f' ({kind})' if kind else ''} of {name}"
    busiest = f"{who} is busiest, at {times:.1f} times its fair share"
    if not sure:
        busiest = f"{_counted(load_E.sum(), 'pick')} in {name} are too few to tell which expert is busiest"
    if dead:
        verb = "experts gets" if dead == 1 else "experts get"
        return f"{dead} of {total} {verb} no {tokens}; {busiest}"
    if times < NOTABLE:
        return f"No expert is far from its fair share{f' of {of}' if of else ''}"
    return f"{_first(busiest)}{f' of {of}' if of and sure else ''}"


def specialization(rows: Sequence[tuple[str, float, float, float]]) -> str:
    """On (layer, specialization, 95th percentile of shuffles, their mean): the peak, against the mean.

    Chance is the mean of the shuffles; the percentile only decides whether a layer is beyond it.
    """
    if not rows:
        return "Specialization needs two domains, and there is one"
    name, value, high, by_chance = max(rows, key=lambda row: row[1] - row[2])
    if value <= high:
        return "No layer tells domains apart better than chance"
    return f"Specialization peaks in {name}: {figure(value)}, chance {figure(by_chance)}"


def expert(
    domains: Sequence[str],
    counts_N: npt.ArrayLike,
    expected_N: npt.ArrayLike,
    name: str,
    notable_N: npt.ArrayLike,
) -> str:
    """On the domains of one expert's tokens, against their shares of all tokens.

    `notable_N`: whether shuffled domains do not reach what the expert has of a domain. Without it the largest
    of a few counts would be taken for a preference.
    """
    counts, expected = np.asarray(counts_N, np.float64), np.asarray(expected_N, np.float64)
    if not counts.sum():
        return f"{name} gets no token"
    lift = np.divide(counts / counts.sum(), expected, out=np.zeros_like(counts), where=expected > 0)
    tokens = _counted(counts.sum(), "token")
    if lift.max() < PREFERRED:
        return f"{name} takes every domain about equally ({tokens})"
    beyond = np.where(np.asarray(notable_N, np.bool_) & (lift >= PREFERRED), lift, 0.0)
    most = int(beyond.argmax())
    if not beyond[most]:
        return f"{name}: {tokens} are too few to tell which domain it prefers"
    return f"{name} prefers {domains[most]}: {lift[most]:.1f} times its share of all picks, of {tokens}"


def change(now: float | None, before: float | None, steps: int, figures: int = 2) -> str | None:
    """`−0.11 in 200 steps`; None where there is nothing to compare with."""
    if now is None or before is None or steps <= 0:
        return None
    difference = round(now - before, figures)
    if difference == 0:
        return f"same for {plural(steps, 'step')}"
    sign = "+" if difference > 0 else "\u2212"
    return f"{sign}{abs(difference):.{figures}f} in {plural(steps, 'step')}"


def _counted(number: float, name: str) -> str:
    return counted(round(number), name)


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", "\u2009%")


def _first(text: str) -> str:
    return text[:1].upper() + text[1:]


def _names(names: Sequence[Any]) -> str:
    return str(names[0]) if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
