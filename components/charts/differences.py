"""Paired differences with their intervals, each against its own threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import altair as alt
import pandas as pd

from components.canvas.letters import width_of
from components.charts.base import Drawing, past, text_with_halo
from components.charts.palette import Palette
from core.cost.format import MINUS

#: Two names of arms side by side leave no room for the chart, so the one that is taken away stands below.
_IN_TWO = f"split(replace(datum.label, ' {MINUS} ', '\\n{MINUS} '), '\\n')"


_LABEL = 11.5
#: Axis labels that would be rows of noughts.
_SMALL = (
    "datum.value == 0 && length(datum.label) > 5 ? '0'"
    " : datum.value != 0 && abs(datum.value) < 0.0005 ? format(datum.value, '.1~e') : datum.label"
)


class Difference(NamedTuple):
    """One line: a mean, its interval, the threshold it is held against, and its value in words."""

    name: str
    low: float
    mean: float
    high: float
    threshold: float
    said: str


def differences(rows: Sequence[Difference], palette: Palette, title: str, *, zero: bool = True) -> Drawing:
    """A dot and a line for each interval, a dashed tick for its threshold; `title` names axis and unit.

    zero: the axis holds zero and marks it. Without, it is as wide as the rows, so that those far from zero
    stay apart.
    """
    data = pd.DataFrame(rows, columns=list(Difference._fields))
    data["wide"] = [width_of(said, _LABEL) for said in data["said"]]
    y = alt.Y(
        "name:N",
        sort=list(data["name"]),
        title=None,
        axis=alt.Axis(ticks=False, domain=False, labelFontSize=12, labelLimit=400, labelExpr=_IN_TWO),
    )
    axis = alt.Axis(tickCount=5, title=title, labelExpr=_SMALL)
    scale = alt.Scale(zero=zero, padding=24)
    base = alt.Chart(data)
    x = alt.X("mean:Q", axis=axis, scale=scale)
    origin = alt.Chart(pd.DataFrame({"x": [0.0]})).mark_rule(color=palette.line).encode(alt.X("x:Q"))
    ticks = base.mark_tick(thickness=2, height={"band": 0.8}, color=palette.ink2, strokeDash=[3, 2]).encode(
        alt.X("threshold:Q", axis=axis, scale=scale), y
    )
    lines = base.mark_rule(strokeWidth=2, color=palette.ink).encode(
        alt.X("low:Q", axis=axis, scale=scale), alt.X2("high:Q"), y
    )
    dots = base.mark_circle(size=80, color=palette.ink, opacity=1).encode(x, y)
    labels = text_with_halo(
        base.encode(alt.X("high:Q", axis=axis, scale=scale), y, text="said:N"),
        palette,
        size=_LABEL,
        align="left",
        dx=past("high", "threshold", "wide", 8),
    )
    return alt.layer(*[origin] * zero, ticks, lines, dots, labels)
