"""Lines over steps, labelled at their ends."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd

from components.charts.base import DASHES, THOUSANDS, Drawing, apart, text_with_halo
from components.charts.palette import Palette

Series = Mapping[str, Sequence[tuple[int, float]]]

#: Of the height of a chart, what a label needs.
_LABEL_HEIGHT = 0.055
MOST_LINES = 8
#: Of the width, what lines may take; the rest is for their labels.
_LINES = 0.8


def frame(series: Series) -> pd.DataFrame:
    """Rows (series, step, value), in the order given; numbers that are not finite are left out."""
    rows = [
        (name, step, value)
        for name, points in series.items()
        for step, value in points
        if math.isfinite(value)
    ]
    return pd.DataFrame(rows, columns=["series", "step", "value"])


def shown(series: Series) -> Series:
    """At most eight lines: of more, the four that end highest and the four that end lowest."""
    drawn = {name: points for name, points in series.items() if points}
    if len(drawn) <= MOST_LINES:
        return drawn
    by_end = sorted(drawn, key=lambda name: drawn[name][-1][1])
    kept = {*by_end[: MOST_LINES // 2], *by_end[-MOST_LINES // 2 :]}
    return {name: points for name, points in drawn.items() if name in kept}


def ceiling(series: Series, reference: float | None = None) -> float:
    """A top for the value axis that stays while a run goes on: a round number above all values."""
    values = [value for points in series.values() for _, value in points if math.isfinite(value)]
    top = max([*values, reference or 0.0]) * 1.04
    if top <= 0:
        return 1.0
    step = 10 ** math.floor(math.log10(top)) / 2
    return math.ceil(top / step) * step


def curves(
    series: Series,
    palette: Palette,
    *,
    last_step: int,
    reference: tuple[str, float] | None = None,
    mark: int | None = None,
    top: float | None = None,
) -> Drawing:
    """Each series a line with its own hue and dash, its name and last value at its end.

    `last_step` is the end of the run, so that the picture stands still while it goes on; the axis becomes
    longer only when labels need the room. `reference` is drawn dashed in grey. `top` ends the value axis
    where values have an end of their own.
    """
    series = shown(series)
    names = list(series)
    data = frame(series)
    top = top or ceiling(series, reference[1] if reference else None)
    end = int(data["step"].max()) if len(data) else 0
    room = max(1, last_step, math.ceil(end / _LINES))
    x = alt.X(
        "step:Q",
        title="step",
        scale=alt.Scale(domain=[0, room], nice=False),
        axis=alt.Axis(grid=False, labelExpr=THOUSANDS, values=ticks(max(last_step, end)), labelOverlap=True),
    )
    height = alt.Scale(domain=[0, top], nice=False)
    y = alt.Y("value:Q", title=None, scale=height, axis=alt.Axis(tickCount=5))
    hue = alt.Color("series:N", legend=None, scale=alt.Scale(domain=names, range=_hues(names, palette)))
    dash = alt.StrokeDash(
        "series:N", legend=None, scale=alt.Scale(domain=names, range=[*DASHES[: len(names)]])
    )
    tooltip = ["series:N", "step:Q", alt.Tooltip("value:Q", format=".3f")]
    lines = alt.Chart(data).mark_line(strokeWidth=2, clip=True).encode(x, y, hue, dash, tooltip=tooltip)
    layers: list[Drawing] = []
    if reference is not None:
        layers += _reference(reference, room, palette, x, y)
    if mark is not None:
        layers.append(alt.Chart(pd.DataFrame({"step": [mark]})).mark_rule(color=palette.grey).encode(x))
    labels = alt.Chart(ends(series, top)).encode(x, alt.Y("place:Q", scale=height), text="label:N")
    # One value is no line yet: without a dot its label would stand beside nothing.
    alone = data[~data.duplicated("series", keep=False)]
    dots = [alt.Chart(alone).mark_circle(size=45, opacity=1).encode(x, y, hue, tooltip=tooltip)]
    layers += [lines, *(dots if len(alone) else [])]
    layers.append(text_with_halo(labels, palette, align="left", dx=8, fontWeight=500))
    return alt.layer(*layers)


def ticks(last: int) -> list[int]:
    """Round steps from 0 to `last`, about five."""
    rough = max(1, last) / 5
    power = 10 ** math.floor(math.log10(rough))
    step = max(1, round(next(power * n for n in (1, 2, 2.5, 5, 10) if power * n >= rough)))
    return list(range(0, max(1, last) + 1, step))


def ends(series: Series, top: float) -> pd.DataFrame:
    """Where each line ends and where its label goes: step, place, label."""
    last = {name: points[-1] for name, points in series.items() if points}
    places = apart([value for _, value in last.values()], top * _LABEL_HEIGHT)
    rows = [
        (step, place, f"{name}  {value:.2f}")
        for (name, (step, value)), place in zip(last.items(), places, strict=True)
    ]
    return pd.DataFrame(rows, columns=["step", "place", "label"])


def _hues(names: Sequence[str], palette: Palette) -> list[str]:
    return [palette.categorical[i % len(palette.categorical)] for i in range(len(names))]


def _reference(
    reference: tuple[str, float], room: int, palette: Palette, x: alt.X, y: alt.Y
) -> list[Drawing]:
    name, value = reference
    data = pd.DataFrame({"value": [value], "step": [room], "label": [f"{name} {value:.2f}"]})
    rule = alt.Chart(data).mark_rule(strokeDash=[3, 3], color=palette.ink2).encode(y)
    label = alt.Chart(data).mark_text(align="right", dy=-7, fontSize=11, color=palette.ink2)
    return [rule, label.encode(x, y, text="label:N")]
