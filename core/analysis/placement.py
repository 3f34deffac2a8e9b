"""Which device should hold which experts, so that tokens travel less.

A token's vector goes to every device that holds one of its experts, is summed where its first expert is (the
one of largest weight), and stays there until the next layer: `sent` counts vectors between devices. Every
device keeps as many experts of each layer as any other, up to one, so memory stays even. Placing experts by
which of them follow each other across layers: arXiv 2401.08383.
L layers, E experts, D devices, T tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from core.analysis.arrays import LayerArrays, TraceArrays
from core.analysis.coactivation import met
from core.analysis.deal import held_out
from core.analysis.errors import AnalysisError
from core.analysis.load import Bools
from core.analysis.reading import Reading, counted, figure
from core.analysis.tally import taken, tally

#: Sets of devices are the bits of an integer.
MOST_DEVICES = 62
#: Layouts to start from, the one in order among them, and layouts that say what chance would send.
STARTS = 2
RANDOM_DRAWS = 3
SWEEPS = 20

#: Device of each expert, by layer.
Places = list[npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Traffic:
    """Vectors sent between devices, a token: to the experts (`out`) and back into one sum (`back`); `uneven`
    is the work of the busiest device over the mean."""

    out: float
    back: float
    uneven: float

    @property
    def sent(self) -> float:
        return self.out + self.back


@dataclass(frozen=True)
class Placement:
    """`device_LE` [L, E] proposed device of each expert, -1 where a layer has fewer experts; `paths` names
    the layers. All traffic is of examples that the proposal was not fitted on: `before` with experts laid
    out in order, `random` the mean of random layouts, `after` as proposed; `fitted` is `after` on the other
    half."""

    paths: tuple[str, ...]
    devices: int
    device_LE: npt.NDArray[np.int64]
    before: Traffic
    random: Traffic
    after: Traffic
    fitted: Traffic
    reading: Reading


def placement(trace: TraceArrays, devices: int = 4, seed: int = 0) -> Placement:
    """A placement fitted on half of the examples and measured on the other half.

    Raises:
        AnalysisError: no layer selects, fewer experts than devices, or a trace of one example.
    """
    layers = [layer for layer in trace.layers if not layer.soft]
    if not layers:
        raise AnalysisError(
            "No layer of this trace selects experts: every token needs all of them, wherever they are. To fix"
            " this, choose a run with a layer that selects."
        )
    fewest = min(layer.experts for layer in layers)
    if not 2 <= devices <= min(fewest, MOST_DEVICES):
        raise AnalysisError(
            f"{counted(devices, 'device')} cannot share out the experts. To fix this, choose 2 to"
            f" {min(fewest, MOST_DEVICES)} devices: every one needs an expert of each layer."
        )
    other_T = held_out(trace.tokens.sequence, seed)
    routed = [_routed(layer) for layer in layers]
    if not any(found.load_E.any() for found in routed):
        raise AnalysisError(
            "No expert of this trace takes a token, so nothing travels between devices. To fix this, trace a"
            " run whose layers pick at least one expert for a token."
        )
    fit, test = ([found.some(half_T) for found in routed] for half_T in (~other_T, other_T))
    links = _links(fit)
    sizes = [layer.experts for layer in layers]
    order = [in_order(size, devices) for size in sizes]
    random = [_shuffled(order, seed, draw) for draw in range(RANDOM_DRAWS)]
    fits = [_improved(start, links, devices) for start in (order, *random[: STARTS - 1])]
    best = min(fits, key=lambda places: _cut(places, links))

    by_chance = [traffic(test, places, devices) for places in random]
    mean = Traffic(
        *(float(np.mean([getattr(each, name) for each in by_chance])) for name in ("out", "back", "uneven"))
    )
    before, after, fitted = (
        traffic(half, places, devices) for half, places in ((test, order), (test, best), (fit, best))
    )
    device_LE = np.full((len(layers), max(sizes)), -1)
    for i, place_E in enumerate(best):
        device_LE[i, : sizes[i]] = place_E
    paths = tuple(layer.path for layer in layers)
    reading = _reading(devices, before, mean, after)
    return Placement(paths, devices, device_LE, before, mean, after, fitted, reading)


def in_order(experts: int, devices: int) -> npt.NDArray[np.int64]:
    """Neighbours together: the first experts on the first device, and so on."""
    return np.repeat(np.arange(devices), [len(part) for part in np.array_split(np.arange(experts), devices)])


@dataclass(frozen=True)
class _Routed:
    """Accepted choices of a layer [K, T] and each token's first expert [T], both E for none; tokens of each
    expert [E]."""

    experts: int
    taken_KT: npt.NDArray[np.int64]
    first_T: npt.NDArray[np.int64]

    def some(self, of_T: Bools) -> _Routed:
        """Of some tokens."""
        return _Routed(self.experts, self.taken_KT[:, of_T], self.first_T[of_T])

    @cached_property
    def load_E(self) -> npt.NDArray[np.int64]:
        """Tokens of each expert [E]."""
        return np.bincount(self.taken_KT.ravel(), minlength=self.experts + 1)[: self.experts]


@dataclass(frozen=True)
class _Links:
    """Tokens that two experts of a layer share [E, E], and those whose first expert of the layer before is a
    row and one of whose experts is a column [E, E]; nothing before the first layer."""

    within_EE: npt.NDArray[np.float64]
    before_EE: npt.NDArray[np.float64] | None


def traffic(routed: Sequence[_Routed], places: Places, devices: int) -> Traffic:
    """What a placement sends. A token that no expert took stays where it is."""
    T = len(routed[0].first_T)
    out = back = 0
    work_D = np.zeros(devices)
    # Sets of devices as bits of the smallest integer that holds them.
    bits = np.min_scalar_type((1 << devices) - 1)
    at_T = np.zeros(T, bits)
    for place_E, found in zip(places, routed, strict=True):
        # The last entry is for no expert: on no device.
        bit_E = np.append(1 << place_E, 0).astype(bits)
        on_T = np.zeros(T, bits)
        for taken_T in found.taken_KT:
            on_T |= bit_E[taken_T]
        first_on_T = bit_E[found.first_T]
        at_T = np.where(at_T == 0, first_on_T, at_T)
        out += int(np.bitwise_count(on_T & ~at_T).sum())
        back += int(np.bitwise_count(on_T & ~first_on_T).sum())
        at_T = np.where(first_on_T > 0, first_on_T, at_T)
        work_D += np.bincount(place_E, found.load_E, devices)
    uneven = float(work_D.max() / work_D.mean()) if work_D.any() else 0.0
    return Traffic(out / T, back / T, uneven)


def _routed(layer: LayerArrays) -> _Routed:
    E, K = layer.experts, layer.expert.shape[1]
    taken_KT = taken(layer.expert, layer.accepted, E)
    if not K:
        return _Routed(E, taken_KT, np.full(taken_KT.shape[1], E))
    weight_KT = np.where(taken_KT < E, layer.weight.T, -np.inf)
    return _Routed(E, taken_KT, np.take_along_axis(taken_KT, weight_KT.argmax(axis=0)[None], axis=0)[0])


def _links(routed: Sequence[_Routed]) -> list[_Links]:
    found: list[_Links] = []
    for i, own in enumerate(routed):
        follow_EE = None
        if i:
            before = routed[i - 1]
            cells = tally([(before.first_T, before.experts + 1)], own.taken_KT, own.experts)[0]
            follow_EE = cells[: before.experts].astype(np.float64)
        found.append(_Links(met(own.taken_KT, own.experts).astype(np.float64), follow_EE))
    return found


def _shuffled(places: Places, seed: int, draw: int) -> Places:
    rng = np.random.default_rng([seed, draw])
    return [rng.permutation(place_E) for place_E in places]


def _improved(start: Places, links: list[_Links], devices: int) -> Places:
    """Swaps inside a layer, and devices renamed layer by layer, until neither cuts any more."""
    places = [place_E.copy() for place_E in start]
    for i, link in enumerate(links):
        _swap(places[i], link.within_EE, np.zeros((len(places[i]), devices)))
    best = _cut(places, links)
    for _ in range(SWEEPS):
        for i in range(len(places)):
            pull_ED = _pull(places, links, i, devices)
            gain_DD = np.stack([pull_ED[places[i] == d].sum(axis=0) for d in range(devices)])
            places[i] = _renamed(places[i], gain_DD)
            _swap(places[i], links[i].within_EE, pull_ED)
        cut = _cut(places, links)
        if cut >= best:
            break
        best = cut
    return places


def _renamed(place_E: npt.NDArray[np.int64], gain_DD: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The same groups on the devices that their tokens come from and go to; only between equal sizes."""
    from scipy.optimize import linear_sum_assignment  # slow to load

    sizes = np.bincount(place_E, minlength=len(gain_DD))
    allowed = sizes[:, None] == sizes
    _, device_D = linear_sum_assignment(np.where(allowed, gain_DD, -1e18), maximize=True)
    return np.asarray(device_D[place_E])


def _pull(places: Places, links: list[_Links], i: int, devices: int) -> npt.NDArray[np.float64]:
    """Links of each expert of a layer to the neighbouring layers' experts on each device [E, D]."""
    pull_ED = np.zeros((len(places[i]), devices))
    before_EE = links[i].before_EE
    if before_EE is not None:
        pull_ED += before_EE.T @ np.eye(devices)[places[i - 1]]
    if i + 1 < len(links):
        after_EE = links[i + 1].before_EE
        assert after_EE is not None
        pull_ED += after_EE @ np.eye(devices)[places[i + 1]]
    return pull_ED


def _swap(
    place_E: npt.NDArray[np.int64], within_EE: npt.NDArray[np.float64], pull_ED: npt.NDArray[np.float64]
) -> None:
    """The best swap of two experts, again and again, while one cuts fewer links. In place."""
    E = np.arange(len(place_E))
    link_ED = within_EE @ np.eye(pull_ED.shape[1])[place_E] + pull_ED
    for _ in range(len(place_E) ** 2):
        there_EE = link_ED[:, place_E]
        here_E = link_ED[E, place_E]
        gain_EE = there_EE + there_EE.T - here_E[:, None] - here_E - 2 * within_EE
        gain_EE[place_E[:, None] == place_E] = 0
        first, second = np.unravel_index(int(gain_EE.argmax()), gain_EE.shape)
        if gain_EE[first, second] <= 1e-9:
            return
        one, other = place_E[first], place_E[second]
        moved_E = within_EE[second] - within_EE[first]
        link_ED[:, one] += moved_E
        link_ED[:, other] -= moved_E
        place_E[first], place_E[second] = other, one


def _cut(places: Places, links: list[_Links]) -> float:
    """Links between devices."""
    total = 0.0
    for i, link in enumerate(links):
        total += (link.within_EE * (places[i][:, None] != places[i])).sum() / 2
        if link.before_EE is not None:
            total += (link.before_EE * (places[i - 1][:, None] != places[i])).sum()
    return total


def _reading(devices: int, before: Traffic, random: Traffic, after: Traffic) -> Reading:
    shows = f"With experts in order on {devices} devices a token sends {figure(before.sent)} vectors between"
    shows += f" devices, as proposed {figure(after.sent)}"
    if before.sent:
        shows += f": {figure(abs(1 - after.sent / before.sent) * 100)} %"
        shows += " less" if after.sent <= before.sent else " more"
    trap = "Measured on examples that the proposal was not fitted on; the busiest device does"
    trap += f" {figure(after.uneven)} times the mean work (in order {figure(before.uneven)})."
    return Reading(f"{shows}.", trap, f"Random layouts send {figure(random.sent)}.")
