"""Charts of what a design costs: roofline, time by part, resources of a board."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import altair as alt
import pandas as pd

from components.canvas.letters import width_of
from components.charts.base import PERCENT, THOUSANDS, Drawing, apart, text_with_halo
from components.charts.labels import LINE, Beside, Box, Spot, beside
from components.charts.palette import Palette

#: Pixels of a roofline, with its axes and without, in the narrowest card; labels are placed for it.
ROOF_HEIGHT = 230
_PLOT = (480.0, 168.0)
#: Areas of a dot whose share is nothing and of one that is the whole step, in square pixels.
_AREAS = (36.0, 1500.0)
#: Pixels that a line of words takes, and the size of a dot's name.
_NAME, _LABEL = 14, 11.5
_DECADES = [10.0**n for n in range(-6, 10)]


@dataclass(frozen=True)
class Roof:
    """A device: FLOP/s at most, bytes/s at most, and what to call both."""

    peak: float
    bandwidth: float
    peak_label: str
    bandwidth_label: str


@dataclass(frozen=True)
class Dot:
    """Operators of one name: FLOP per byte, FLOP/s reached, share of the step."""

    name: str
    intensity: float
    rate: float
    share: float


class Plane(NamedTuple):
    """The ends of both axes: FLOP per byte, TFLOP/s."""

    low: float
    high: float
    floor: float
    top: float

    def across(self, intensity: float) -> float:
        """Pixels from the left."""
        return math.log(intensity / self.low) / math.log(self.high / self.low) * _PLOT[0]

    def down(self, rate: float) -> float:
        """Pixels from the top to so many FLOP/s."""
        return math.log(self.top * 1e12 / rate) / math.log(self.top / self.floor) * _PLOT[1]

    def spot(self, dot: Dot) -> Spot:
        """Where a dot lies."""
        area = _AREAS[0] + (_AREAS[1] - _AREAS[0]) * dot.share
        return Spot(self.across(dot.intensity), self.down(dot.rate), math.sqrt(area / math.pi))

    def along(self, roof: Roof) -> list[Spot]:
        """Points of a device's line, near enough to each other that no words slip through."""
        steps = range(0, round(_PLOT[0]), LINE // 2)
        ats = [self.low * (self.high / self.low) ** (step / _PLOT[0]) for step in steps]
        return [
            Spot(step, self.down(min(roof.peak, at * roof.bandwidth)), 0.0)
            for step, at in zip(steps, ats, strict=True)
        ]


def roofline(roof: Roof, dots: Sequence[Dot], palette: Palette, others: Sequence[Roof] = ()) -> Drawing:
    """Both axes logarithmic; the area of a dot is its share of the step. Dots without FLOPs are left out.

    `others` are thin and dashed, for comparison.
    """
    seen = [dot for dot in dots if dot.intensity > 0 and dot.rate > 0]
    low = min([roof.peak / roof.bandwidth / 100, *(dot.intensity / 6 for dot in seen)])
    # Names of the roofs stand at the right end, beyond the dots; at the left a dot has room for its own.
    high = max([roof.peak / roof.bandwidth * 10, *(dot.intensity * 30 for dot in seen)])
    floor = min([roof.peak / 1e3, *(dot.rate / 3 for dot in seen)]) / 1e12
    x = alt.X(
        "x:Q",
        scale=alt.Scale(type="log", domain=[low, high], nice=False),
        title="FLOP per byte",
        axis=alt.Axis(values=[d for d in _DECADES if low <= d <= high], grid=False, labelExpr=THOUSANDS),
    )
    top = roof.peak / 1e12 * 2.2
    y = alt.Y(
        "y:Q",
        scale=alt.Scale(type="log", domain=[floor, top], nice=False),
        title="TFLOP/s",
        axis=alt.Axis(values=[d for d in _DECADES if floor <= d <= top], labelExpr=_DECIMAL),
    )
    roofs = _lines(roof, (low, high)).mark_line(strokeWidth=2, color=palette.ink2, clip=True).encode(x, y)
    plane = Plane(low, high, floor, top)
    largest = sorted(seen, key=lambda dot: -dot.share)
    spots = [plane.spot(dot) for dot in largest]
    below = _beside_lines([plane.down(other.peak) for other in others], plane.down(roof.peak))
    beside_lines = [_beside(other, (low, high), palette).encode(x, y) for other in others]
    # Words come after all lines, so that their halo covers what passes below them.
    beside_names = [
        _beside_name(other, high, x, y, palette, moved) for other, moved in zip(others, below, strict=True)
    ]
    ends = [(roof.peak_label, plane.down(roof.peak) - 8)]
    ends += [(o.peak_label, plane.down(o.peak) + moved) for o, moved in zip(others, below, strict=True)]
    taken = [_words(text, _PLOT[0], middle) for text, middle in ends]
    at, words = _bandwidth_name(roof, plane, spots)
    widths = [width_of(_named(dot), _LABEL) for dot in largest[:4]]
    places = beside(spots, widths, [*taken, words], _PLOT, plane.along(roof))
    caps = pd.DataFrame(
        {
            "x": [high, at],
            "y": [roof.peak / 1e12, at * roof.bandwidth / 1e12],
            "text": [roof.peak_label, roof.bandwidth_label],
        }
    )
    names = alt.layer(
        _cap(caps.iloc[[0]], x, y, palette, align="right", dy=-8),
        _cap(caps.iloc[[1]], x, y, palette, align="right", dx=-8, dy=-4),
    )
    rows = pd.DataFrame(
        {
            "x": [dot.intensity for dot in seen],
            "y": [dot.rate / 1e12 for dot in seen],
            "name": [dot.name for dot in seen],
            "share": [dot.share for dot in seen],
        }
    )
    marks = (
        alt.Chart(rows)
        .mark_circle(opacity=0.85, color=palette.categorical[2], stroke=palette.paper, strokeWidth=1)
        .encode(
            x,
            y,
            size=alt.Size("share:Q", legend=None, scale=alt.Scale(domain=[0, 1], range=_AREAS)),
            tooltip=[
                alt.Tooltip("name:N", title="operator"),
                alt.Tooltip("x:Q", title="FLOP per byte", format=".3s"),
                alt.Tooltip("y:Q", title="TFLOP/s", format=".3s"),
                alt.Tooltip("share:Q", title="share of the step", format=".1%"),
            ],
        )
    )
    return alt.layer(
        *beside_lines,
        roofs,
        *beside_names,
        names,
        marks,
        *_dot_labels(largest, places, x, y, palette),
    )


_SMALL = "datum.value > 0 && datum.value < 0.001 ? format(datum.value, '.0e') : "
_DECIMAL = _SMALL + "replace(format(datum.value, ',~g'), /,/g, '\u2009')"


def _lines(roof: Roof, ends: tuple[float, float]) -> alt.Chart:
    """Bandwidth up to the ridge, then the peak."""
    low, high = ends
    corners = [low, min(high, max(low, roof.peak / roof.bandwidth)), high]
    heights = [min(roof.peak, at * roof.bandwidth) / 1e12 for at in corners]
    return alt.Chart(pd.DataFrame({"x": corners, "y": heights}))


def _beside(roof: Roof, ends: tuple[float, float], palette: Palette) -> alt.Chart:
    """Another device, quiet."""
    return _lines(roof, ends).mark_line(strokeWidth=1, strokeDash=[4, 3], color=palette.ink2, clip=True)


def _beside_lines(heights: list[float], roof: float) -> list[float]:
    """How far below its line each name stands, in pixels.

    The highest stands above it where there is room below the roof and the next line is near; the others stand
    below theirs, one below the other.
    """
    below = sorted(range(len(heights)), key=lambda i: heights[i])
    moved = [0.0] * len(heights)
    if (
        len(below) > 1
        and heights[below[1]] - heights[below[0]] < 2 * _NAME
        and (not 0 <= heights[below[0]] - roof < 1.3 * _NAME)
    ):
        moved[below.pop(0)] = -_NAME / 2
    places = apart([heights[i] for i in below], _NAME)
    for i, place in zip(below, places, strict=True):
        moved[i] = place - heights[i] + 9
    return moved


def _beside_name(roof: Roof, right: float, x: alt.X, y: alt.Y, palette: Palette, moved: float) -> Drawing:
    """Its name at the right end, so many pixels below its line."""
    end = pd.DataFrame({"x": [right], "y": [roof.peak / 1e12], "text": [roof.peak_label]})
    name = alt.Chart(end).encode(x, y, text="text:N")
    return text_with_halo(name, palette, size=11, align="right", dy=moved)


def _cap(row: pd.DataFrame, x: alt.X, y: alt.Y, palette: Palette, **mark: Any) -> Drawing:
    return alt.Chart(row).mark_text(fontSize=11, color=palette.ink2, **mark).encode(x, y, text="text:N")


def _words(text: str, right: float, middle: float) -> Box:
    """Where words of a roof lie that end at `right`."""
    return Box(right - width_of(text, 11), middle - LINE / 2, right, middle + LINE / 2)


def _bandwidth_name(roof: Roof, plane: Plane, spots: Sequence[Spot]) -> tuple[float, Box]:
    """FLOP per byte on the slope where its name ends, off all dots where it can be, and the words' place."""
    ridge = roof.peak / roof.bandwidth
    found = []
    for share in (8, 3, 20, 60):
        at = max(plane.low, ridge / share)
        box = _words(roof.bandwidth_label, plane.across(at) - 8, plane.down(at * roof.bandwidth) - 4)
        found.append((at, box))
        if box.left > 0 and all(spot.gap(box) > 0 for spot in spots):
            return at, box
    return found[0]


def _named(dot: Dot) -> str:
    return f"{dot.name}, {100 * dot.share:.0f}\u2009%"


def _dot_labels(
    dots: Sequence[Dot], places: Sequence[Beside | None], x: alt.X, y: alt.Y, palette: Palette
) -> list[Drawing]:
    """Names of the first dots, each at its place; one without a place has none."""
    out: list[Drawing] = []
    for dot, place in zip(dots, places, strict=False):
        if place is None:
            continue
        row = pd.DataFrame({"x": [dot.intensity], "y": [dot.rate / 1e12], "text": [_named(dot)]})
        name = alt.Chart(row).encode(x, y, text="text:N")
        out.append(text_with_halo(name, palette, size=_LABEL, align=place.align, dx=place.dx, dy=place.dy))
    return out


def stacked(
    rows: pd.DataFrame, groups: Sequence[str], palette: Palette, *, x_title: str, y_title: str
) -> Drawing:
    """Bars of `seconds` by `x`, stacked by `group` in the order of `groups`; a rule from `low` to `high`.

    Columns of `rows`: x, group, value, low, high, note (written above the bar).
    """
    colors = [palette.grey, palette.categorical[0], palette.categorical[7], palette.categorical[2]]
    order = [str(value) for value in dict.fromkeys(rows["x"])]
    x = alt.X("x:O", sort=order, title=x_title, axis=alt.Axis(labelAngle=0, ticks=False))
    bars = (
        alt.Chart(rows)
        .mark_bar(width={"band": 0.28})
        .encode(
            x,
            alt.Y("value:Q", title=y_title, axis=alt.Axis(tickCount=4, labelExpr=_DECIMAL)),
            color=alt.Color(
                "group:N",
                scale=alt.Scale(domain=list(groups), range=colors[: len(groups)]),
                legend=alt.Legend(title=None, orient="right", labelColor=palette.ink2, labelFontSize=11.5),
            ),
            order=alt.Order("rank:Q"),
            tooltip=["x:O", "group:N", alt.Tooltip("value:Q", format=".3s")],
        )
    )
    ends = rows.drop_duplicates("x")
    rule = alt.Chart(ends).mark_rule(strokeWidth=2, color=palette.ink).encode(x, y="low:Q", y2="high:Q")
    note = (
        alt.Chart(ends).mark_text(dy=-9, fontSize=11, color=palette.ink2).encode(x, y="high:Q", text="note:N")
    )
    return alt.layer(bars, rule, note)


def limited(bars: Drawing, limit: float | None, palette: Palette, *, y_title: str) -> Drawing:
    """Bars under a red line at `limit`; without one as they are. `y_title` is that of the bars."""
    if limit is None:
        return bars
    line = alt.Chart(pd.DataFrame({"limit": [limit]})).mark_rule(
        strokeWidth=2, strokeDash=[6, 3], color=palette.categorical[6]
    )
    return alt.layer(bars, line.encode(alt.Y("limit:Q", title=y_title)))


def used(rows: Sequence[tuple[str, float, float, float, str]], palette: Palette) -> Drawing:
    """Resources against their limit: (name, share, low, high, words). What is over the limit ends in red."""
    data = pd.DataFrame(rows, columns=["name", "share", "low", "high", "words"])
    data["shown"] = data["share"].clip(upper=1.3)
    data["high"], data["low"] = data["high"].clip(upper=1.3), data["low"].clip(upper=1.3)
    data["full"] = 1.0
    data["over"] = data["share"] > 1
    y = alt.Y(
        "name:N",
        sort=list(data["name"]),
        title=None,
        axis=alt.Axis(ticks=False, domain=False, labelFontSize=12),
    )
    axis = alt.Axis(labelExpr=PERCENT, values=[0, 0.25, 0.5, 0.75, 1], grid=False)
    scale = alt.Scale(domain=[0, 2.1], nice=False)
    base = alt.Chart(data)
    x = alt.X("shown:Q", scale=scale, title=None, axis=axis)
    room = base.mark_bar(height={"band": 0.5}, color=palette.line).encode(
        alt.X("full:Q", scale=scale, title=None), y
    )
    bars = base.mark_bar(height={"band": 0.5}).encode(
        x,
        y,
        color=alt.condition(
            "datum.over", alt.value(palette.categorical[6]), alt.value(palette.categorical[2])
        ),
        tooltip=["name:N", alt.Tooltip("share:Q", format=".1%"), "words:N"],
    )
    band = base.mark_rule(strokeWidth=2, color=palette.ink).encode(
        alt.X("low:Q", scale=scale, title=None), y, x2="high:Q"
    )
    limit = (
        alt.Chart(pd.DataFrame({"shown": [1.0]}))
        .mark_rule(strokeWidth=2, color=palette.categorical[6])
        .encode(x)
    )
    words = base.mark_text(align="left", fontSize=11.5, color=palette.ink).encode(
        alt.X("at:Q", scale=scale, title=None), y, text="words:N"
    )
    data["at"] = data[["shown", "high", "full"]].max(axis=1) + 0.05
    return alt.layer(room, bars, band, limit, words)


def bars(rows: Sequence[tuple[str, float, str]], palette: Palette) -> Drawing:
    """Plain bars from zero with their value in words behind: (name, value, words)."""
    data = pd.DataFrame(rows, columns=["name", "value", "words"])
    end = max([*data["value"], 1e-30]) * 1.35
    y = alt.Y(
        "name:N",
        sort=list(data["name"]),
        title=None,
        axis=alt.Axis(ticks=False, domain=False, labelFontSize=12),
    )
    x = alt.X("value:Q", scale=alt.Scale(domain=[0, end], nice=False), title=None, axis=None)
    base = alt.Chart(data)
    drawn = base.mark_bar(height={"band": 0.55}, color=palette.categorical[2]).encode(
        x, y, tooltip=["name", "words"]
    )
    labels = base.mark_text(align="left", dx=5, fontSize=11.5, color=palette.ink).encode(x, y, text="words:N")
    return alt.layer(drawn, labels)
