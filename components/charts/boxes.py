"""A measured value beside the spread of its controls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import altair as alt
import pandas as pd

from components.charts.base import Drawing
from components.charts.palette import Palette


class Boxes(NamedTuple):
    """One place on the axis: values of the controls, and the measured value with its interval."""

    name: str
    controls: tuple[float, ...]
    value: float
    low: float
    high: float


def boxes(rows: Sequence[Boxes], palette: Palette, *, x_title: str, y_title: str) -> Drawing:
    """Grey boxes over the controls (whiskers to the ends), a dot with its interval for what was measured."""
    spread = pd.DataFrame([(row.name, value) for row in rows for value in row.controls], columns=["x", "y"])
    points = pd.DataFrame(
        [(row.name, row.value, row.low, row.high) for row in rows], columns=["x", "y", "low", "high"]
    )
    x = alt.X("x:N", sort=[row.name for row in rows], title=x_title, axis=alt.Axis(labelAngle=0, ticks=False))
    y = alt.Y("y:Q", title=y_title, axis=alt.Axis(tickCount=5), scale=alt.Scale(zero=True))
    box = (
        alt.Chart(spread)
        .mark_boxplot(extent="min-max", size=34, color=palette.grey, median={"color": palette.ink2})
        .encode(x, y)
    )
    measured = alt.Chart(points)
    line = measured.mark_rule(strokeWidth=2, color=palette.ink).encode(
        x, alt.Y("low:Q", title=y_title), alt.Y2("high:Q")
    )
    dot = measured.mark_circle(size=90, color=palette.categorical[2], opacity=1).encode(
        x,
        y,
        tooltip=[
            "x:N",
            alt.Tooltip("y:Q", format=".3f"),
            alt.Tooltip("low:Q", format=".3f"),
            alt.Tooltip("high:Q", format=".3f"),
        ],
    )
    zero = alt.Chart(pd.DataFrame({"y": [0.0]})).mark_rule(color=palette.line).encode(alt.Y("y:Q"))
    return alt.layer(zero, box, line, dot)
