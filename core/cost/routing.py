"""What routing costs beside multiply-adds: experts and devices of a token, what travels, passes of a step.

E experts in I islands, each a device; K experts a token; D the width they read; S tokens of an example. Means
over routed layers. What a run measured replaces what a design lets expect; a prior has a band.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from core.cost.count import count
from core.cost.figure import Figure, Grade, Input, exact, whole
from core.cost.flops import flops
from core.cost.rates import Measured, routed
from core.design.bodies.moe import Moe
from core.design.plan import Objective
from core.design.spec import Design

#: Bytes of a number that travels between devices: bfloat16.
_BYTES = 2
_FIX = "To fix this, give the design that the run trained."


@dataclass(frozen=True)
class Seen:
    """What a run measured in one layer: rows of each expert for each token, and islands a token visits."""

    rates: tuple[float, ...]
    islands: float


class Decided(Protocol):
    """A traced layer: its `experts`, `expert` [N, K] with -1 for none, and whether it was `accepted`."""

    @property
    def path(self) -> str: ...
    @property
    def experts(self) -> int: ...
    @property
    def soft(self) -> bool: ...
    @property
    def expert(self) -> Any: ...
    @property
    def accepted(self) -> Any: ...


def seen(design: Design, layers: Iterable[Decided]) -> dict[str, Seen]:
    """What traced layers of MoE parts say, by path. Raises ValueError for a trace of another design."""
    bodies = {o.path: o.part.body for o in design.occurrences()}
    found: dict[str, Seen] = {}
    for layer in layers:
        body = bodies.get(layer.path)
        if body is None or routed(body) is None:
            raise ValueError(f"{layer.path!r} was traced, and no such part of this design is routed. {_FIX}")
        if not isinstance(body, Moe) or not len(layer.expert):
            continue
        _same(layer, body)
        if layer.soft:
            continue
        token_N, rank_N = np.nonzero(layer.accepted)
        expert_N = layer.expert[token_N, rank_N]
        tokens = len(layer.expert)
        rates = np.bincount(expert_N, minlength=body.count) / tokens
        visited = np.unique(token_N * body.islands + expert_N // (body.count // body.islands)).size
        found[layer.path] = Seen(tuple(rates.tolist()), visited / tokens)
    return found


def _same(layer: Decided, body: Moe) -> None:
    """Raises ValueError for a layer that was traced with other experts, or that picked another number."""
    if layer.experts != body.count:
        raise ValueError(
            f"{layer.path!r} has {body.count} experts, and was traced with {layer.experts}. {_FIX}"
        )
    if layer.soft == body.router.combine.selects:
        does, did = ("mixes all", "picked some of") if not layer.soft else ("picks some of", "mixed all")
        raise ValueError(f"{layer.path!r} {does} its experts, and was traced where it {did} them. {_FIX}")
    select, picked = body.router.select, layer.expert.shape[1]
    fewest, most = select.fewest(body.count), select.most(body.count)
    # Tokens of an uncertain rule may go to all experts.
    if not layer.soft and body.router.uncertain is None and not fewest <= picked <= most:
        each = str(most) if fewest == most else f"{fewest} to {most}"
        raise ValueError(
            f"In {layer.path!r} a token picks {each} of {body.count} experts; traced, it picked {picked}:"
            f" that load is of another router. {_FIX}"
        )


def rates_of(measured: Mapping[str, Seen]) -> Measured:
    """The rates alone, as `core.cost.count.count` takes them."""
    return {path: each.rates for path, each in measured.items()}


@dataclass(frozen=True)
class _Layer:
    """A routed layer, how often it stands, and what was measured there."""

    body: Moe
    times: int
    seen: tuple[Seen, ...] = ()


#: Expected value, the least and the most there can be.
_Range = tuple[float, float, float]


def routing_figures(
    design: Design, objective: Objective, measured: Mapping[str, Seen] | None = None
) -> dict[str, Figure]:
    """Figures by name; none of a design without MoE layers.

    `measured`: from a trace, so of the trained model; it says nothing of the training.
    """
    layers = tuple(_layers(design, measured or {}))
    if not layers:
        return {}
    tokens, found = design.task.tokens, _measured(layers)
    unit = "experts / token"
    trained, training = ([_chosen(layer, tokens, now) for layer in layers] for now in (False, True))
    out = {
        "experts a token": _mean(layers, trained, unit, "routing.experts", found),
        "experts a token, in training": _mean(layers, training, unit, "routing.experts.training"),
    }
    if any(layer.body.islands > 1 for layer in layers):
        sent = [_sent(layer, tokens) for layer in layers]
        out["devices a token is sent to"] = _mean(layers, sent, "devices / token", "routing.devices", found)
        number = [layer.body.outer(design.width) * _BYTES * layer.times for layer in layers]
        moved = [tuple(n * value for value in each) for n, each in zip(number, sent, strict=True)]
        out["all-to-all, each way"] = _figure(moved, "bytes / token", "routing.all_to_all", 1, found)
        if all(layer.seen for layer in layers):
            full = [_band([_fullest(layer.body, each) for each in layer.seen]) for layer in layers]
            out["fullest device over the mean"] = _mean(
                layers, full, "times the mean", "routing.fullest", found
            )
    if any(len(set(layer.body.widths())) > 1 for layer in layers):
        padded = [(_padded(layer.body),) * 3 for layer in layers]
        out["experts padded to the widest"] = _mean(layers, padded, "times their FLOPs", "routing.padded")
    return out | {"training step": training_step(design, objective)}


def training_step(design: Design, objective: Objective) -> Figure:
    """FLOPs of a training step for each token of its batch: forward and backward of all passes.

    A band up to all experts where an uncertain rule may send tokens to all of them.
    """
    passes = objective.passes(design.task)
    counts = count(design, training=True)
    value = passes * flops(counts).train
    more = 0.0
    for part in counts.parts:
        body = part.placed.part.body if part.placed else None
        if isinstance(body, Moe) and body.router.uncertain is not None:
            every = sum(group.experts * group.macs for group in part.groups)
            more += passes * 6 * part.times * (every - dict(part.macs)["expert"])
    inputs: tuple[tuple[str, Input], ...] = (("objective", objective.kind), ("passes", passes))
    if not more:
        return Figure(whole(value), "FLOP / token", "flops.step", inputs)
    return Figure(value, "FLOP / token", "flops.step", inputs, "prior", value, value + more)


def _layers(design: Design, measured: Mapping[str, Seen]) -> Iterator[_Layer]:
    found: dict[str, list[Seen]] = {}
    for occurrence in design.occurrences():
        if occurrence.path in measured:
            found.setdefault(occurrence.pointer, []).append(measured[occurrence.path])
    for placed in design.parts():
        if isinstance(placed.part.body, Moe):
            yield _Layer(placed.part.body, placed.times, tuple(found.get(placed.pointer, ())))


def _measured(layers: Sequence[_Layer]) -> Grade | None:
    """The grade of what a trace tells of these layers; None where it tells nothing."""
    if all(layer.seen for layer in layers):
        return "fitted"
    return "prior" if any(layer.seen for layer in layers) else None


def _mean(
    layers: Sequence[_Layer], of: Sequence[_Range], unit: str, formula: str, measured: Grade | None = None
) -> Figure:
    turns = sum(layer.times for layer in layers)
    weighed = [tuple(layer.times * value for value in each) for layer, each in zip(layers, of, strict=True)]
    return _figure(weighed, unit, formula, turns, measured)


def _figure(
    of: Sequence[tuple[float, ...]], unit: str, formula: str, over: int, measured: Grade | None
) -> Figure:
    """Sum over layers divided by `over`: exact where nothing is open, as `measured`, else a prior."""
    value, low, high = (math.fsum(each) / over for each in zip(*of, strict=True))
    if low == high and measured is None:
        return exact(value, unit, formula)
    return Figure(value, unit, formula, (), measured or "prior", min(low, value), max(high, value))


def _band(values: list[float]) -> _Range:
    return math.fsum(values) / len(values), min(values), max(values)


def _chosen(layer: _Layer, tokens: int, training: bool) -> _Range:
    """Experts that compute a token."""
    if layer.seen and not training:
        return _band([math.fsum(each.rates) for each in layer.seen])
    router, experts = layer.body.router, layer.body.count
    value = router.combine.rows(experts, router.computed(experts, training), tokens)
    low, high = value, value
    if router.combine.selects and router.select.ragged and not router.select.exact(training):
        low, high = float(router.select.fewest(experts)), float(router.select.most(experts))
    if router.capacity is not None:
        # What is dropped depends on how uneven the load is.
        factor = router.capacity.train if training else router.capacity.eval
        low, high = 0.0, min(high, factor * router.select.most(experts))
    if training and router.uncertain is not None:
        high = float(experts)
    return min(max(value, low), high), low, high


def _sent(layer: _Layer, tokens: int) -> _Range:
    """Devices that a token is sent to; 0 where it stays and experts or whole batches come to it."""
    body, router = layer.body, layer.body.router
    if layer.seen:
        return _band([each.islands for each in layer.seen])
    own = router.combine.sent(body.count, tokens)
    if own is not None:
        return own, own, own
    if (router.select.span(False) or router.scope) in ("task", "batch"):
        return 0.0, 0.0, 0.0
    inside = body.count // body.islands
    reach = router.select.reach(body.islands)
    value, low, high = _chosen(layer, tokens, False)
    return (
        evenly_visited(reach, inside, value),
        float(math.ceil(low / inside)),
        min(float(reach), high),
    )


def evenly_visited(islands: int, inside: int, chosen: float) -> float:
    """Islands that hold K experts drawn evenly and without return from `islands` times `inside` experts.

    I (1 - C(E - E/I, K) / C(E, K)); between whole K on a straight line.
    """
    experts = islands * inside
    under = min(int(chosen), experts)
    ends = [
        islands * (1 - math.comb(experts - inside, k) / math.comb(experts, k))
        for k in (under, min(under + 1, experts))
    ]
    return ends[0] + (chosen - under) * (ends[1] - ends[0])


def _fullest(body: Moe, found: Seen) -> float:
    """Load of the fullest island over the mean: how much longer than at an even load a step takes."""
    load = np.asarray(found.rates).reshape(body.islands, -1).sum(axis=1)
    return float(load.max() / load.mean()) if load.any() else 1.0


def _padded(body: Moe) -> float:
    """What equal matrices for unequal experts cost over the experts themselves: widest over mean."""
    widths = body.widths()
    return max(widths) * len(widths) / sum(widths)
