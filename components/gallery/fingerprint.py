"""A design as a fingerprint: for every layer of the unrolled model its FFNs, experts to scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from core.design.bodies.base import Body, Mixer
from core.design.bodies.moe import Moe
from core.design.experts.base import Expert
from core.design.spec import Design

#: A deeper model is drawn by every n-th layer; below a pixel a line says nothing.
MOST_LINES = 128


@dataclass(frozen=True)
class Print:
    """A fingerprint as it travels: each distinct line once, and the order as runs of [line, times]."""

    kinds: tuple[dict[str, Any], ...]
    rows: tuple[tuple[int, int], ...]


def packed(design: Design) -> Print:
    """The fingerprint without its repetitions: 61 layers of two kinds are two lines and two runs."""
    kinds: list[dict[str, Any]] = []
    order = []
    for line in fingerprint(design):
        if line not in kinds:
            kinds.append(line)
        order.append(kinds.index(line))
    return Print(tuple(kinds), tuple((kind, len(list(run))) for kind, run in groupby(order)))


def fingerprint(design: Design) -> list[dict[str, Any]]:
    """One entry for each line: `experts` as [count, width], `shared` width, `k` experts a token uses.

    `ragged` says that it may use one more or less, as its scores fall.

    Layers without an FFN give no line; layers with several give their widest.
    """
    lines = []
    for stack in design.stacks:
        for repeat in stack.layers:
            once = [line for layer in repeat.pattern if (line := _line([p.body for p in layer.parts]))]
            lines += once * repeat.times
    every = -(-len(lines) // MOST_LINES) or 1
    return lines[::every]


def _line(bodies: Sequence[Body]) -> dict[str, Any] | None:
    ffns = [_ffn(body) for body in bodies if not isinstance(body, Mixer)]
    return max((ffn for ffn in ffns if ffn), key=_width, default=None)


def _ffn(body: Body) -> dict[str, Any] | None:
    if isinstance(body, Moe):
        groups = [[group.count, group.inner] for group in body.experts]
        shared = sum(group.count * group.inner for group in body.shared)
        line = {"experts": groups, "shared": shared, "k": max(1, round(body.per_token))}
        return {**line, "ragged": True} if body.router.select.ragged else line
    expert = getattr(body, "expert", None)
    return {"experts": [[1, expert.inner]], "shared": 0, "k": 1} if isinstance(expert, Expert) else None


def _width(line: dict[str, Any]) -> int:
    return int(sum(count * width for count, width in line["experts"]) + line["shared"])
