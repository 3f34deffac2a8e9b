"""The layer that a routing method is written over, and short words for what methods write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd
from typing import Any

from core.design.bodies.moe import Moe
from core.design.presets.pieces import JSON
from core.design.spec import Design

#: Experts of one island in a layer that is cut for a method; MoEC and SAM use 8 and 4 in their papers.
MOST_ISLANDS = 8


@dataclass(frozen=True)
class Bank:
    """An MoE layer as it stands, and what a method wants to know of it and of the design around it."""

    moe: Moe
    design: Design

    @property
    def count(self) -> int:
        """E, routed experts."""
        return self.moe.count

    @property
    def k(self) -> int:
        """Experts a token gets now; 2 where it gets all of them, for then nobody has chosen a number."""
        now = round(self.moe.per_token)
        return min(self.count, now if 1 <= now < self.count else 2)

    @property
    def some(self) -> int:
        """`k`, but two at least where there are two."""
        return min(self.count, max(2, self.k))

    @property
    def heads(self) -> tuple[str, ...]:
        """Names of the tasks that a condition tells apart."""
        return self.design.task.task_names

    @property
    def islands(self) -> int:
        """The islands there are, else the largest cut of the experts into islands of at least two."""
        if self.moe.islands > 1:
            return self.moe.islands
        cuts = (n for n in range(2, MOST_ISLANDS + 1) if self.count % n == 0 and self.count // n >= 2)
        return max(cuts, default=1)

    @cached_property
    def experts(self) -> list[JSON]:
        """The expert groups as JSON, to be written in another way."""
        return [group.model_dump(mode="json", exclude_defaults=True) for group in self.moe.experts]

    def alike(self) -> list[JSON]:
        """One group of as many experts, all of the mean width: what merging and trading places need."""
        groups = [group for group in self.moe.experts if group.inner] or list(self.moe.experts)
        first = max(groups, key=lambda group: group.count)
        same = {**first.model_dump(mode="json", exclude_defaults=True), "count": self.count}
        if first.inner:
            same["hidden"] = max(1, round(sum(self.moe.widths()) / self.count))
        return [same]


def route(
    score: JSON | str,
    select: JSON | str,
    weigh: JSON | str,
    *,
    function: str = "softmax",
    modifiers: Sequence[JSON] = (),
    combine: JSON | str = "output_mix",
    **more: Any,
) -> JSON:
    """A whole router: every axis is written, so that nothing of the last method is left. Names stand for
    values without numbers; `more` are scope, condition, capacity and the uncertain rule."""
    return {
        "score": _value(score),
        "score_function": function,
        "modifiers": list(modifiers),
        "select": _value(select),
        "weigh": _value(weigh),
        "combine": _value(combine),
        **more,
    }


def _value(axis: JSON | str) -> JSON:
    return {"kind": axis} if isinstance(axis, str) else axis


def top(k: int | JSON, **more: Any) -> JSON:
    """Top-k selection."""
    return {"kind": "top_k", "k": k, **more}


def even(coefficient: float = 0.01, **more: Any) -> JSON:
    """The load-balance loss."""
    return {"kind": "load_balance", "coefficient": coefficient, **more}


def ramp(kind: str, start: float, end: float) -> JSON:
    """A schedule from start to end."""
    return {"kind": kind, "start": start, "end": end}


def fine_factor(hidden: Sequence[int], count: int, most: int = 4) -> int:
    """Into how many parts every expert can be cut: up to `most`, while the layer stays addressable."""
    common = gcd(*hidden) if hidden else 1
    return max(m for m in range(1, most + 1) if common % m == 0 and m * count <= 4096)
