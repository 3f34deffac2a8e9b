"""How often each expert works: expected from the design, or measured in a trace.

E experts, K chosen by a token on average. A rate is the number of rows an expert computes for each token.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.design.bodies.base import Body
from core.design.bodies.moe import Moe
from core.design.bodies.routed_attention import RoutedAttention
from core.design.bodies.routed_block import RoutedBlock
from core.design.routing.router import Router
from core.design.spec import Design

#: Rows of each expert for each token, by the path of an occurrence (`decoder.3.1`) or the pointer of a part.
Measured = Mapping[str, Sequence[float]]

#: Rates of the experts of one part, for each measured turn of its repeat.
Turns = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Routed:
    """The routed bank of a part: E experts, K of them for a token, and its router."""

    experts: int
    chosen: float
    router: Router


def routed(body: Body, training: bool = False) -> Routed | None:
    """The bank a body routes over, once trained or while it trains; None for bodies without a router."""
    if isinstance(body, Moe):
        experts = body.count
    elif isinstance(body, RoutedAttention):
        experts = body.experts
    elif isinstance(body, RoutedBlock):
        experts = body.copies
    else:
        return None
    return Routed(experts, body.router.computed(experts, training), body.router)


def measured_turns(design: Design, measured: Measured) -> dict[str, Turns]:
    """Rates by the pointer of a part, for each turn of its repeat that was measured.

    Raises ValueError for a path that is no routed part, a wrong number of experts, or a number below zero.
    """
    banks = {placed.pointer: routed(placed.part.body) for placed in design.parts()}
    pointers = {o.path: o.pointer for o in design.occurrences()} | {p: p for p in banks}
    rows: dict[str, list[Sequence[float]]] = {}
    for path, rates in measured.items():
        bank = banks.get(pointers.get(path, ""))
        if bank is None:
            raise ValueError(
                f"{path!r} is no routed part of this design. To fix this, measure this design again."
            )
        if len(rates) != bank.experts or not all(math.isfinite(r) and r >= 0 for r in rates):
            raise ValueError(
                f"{path!r} has {bank.experts} experts and needs as many rates, finite and not below zero;"
                f" {len(rates)} were given. To fix this, measure this design again."
            )
        rows.setdefault(pointers[path], []).append(rates)
    return {pointer: tuple(tuple(map(float, rates)) for rates in turns) for pointer, turns in rows.items()}


def mean_rates(turns: Turns) -> tuple[float, ...]:
    """Mean rate of each expert over the measured turns."""
    return tuple(math.fsum(each) / len(turns) for each in zip(*turns, strict=True))
