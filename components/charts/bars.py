"""Bars and quantiles: how values lie, and rates of groups against the rate of all."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import numpy.typing as npt
import pandas as pd

from components.canvas.letters import width_of
from components.charts.base import PERCENT, THOUSANDS, Drawing, past, text_with_halo
from components.charts.palette import Palette

_LABEL = 11.5


def histogram(
    counts_B: npt.NDArray[np.int64], span: tuple[float, float], title: str, palette: Palette
) -> Drawing:
    """Counts in equal bins over `span`."""
    edges = np.linspace(*span, len(counts_B) + 1)
    data = pd.DataFrame({"low": edges[:-1], "high": edges[1:], "tokens": counts_B})
    x = alt.X(
        "low:Q",
        bin="binned",
        title=title,
        scale=alt.Scale(domain=list(span), nice=False),
        axis=alt.Axis(grid=False, tickCount=6),
    )
    y = alt.Y("tokens:Q", title="tokens", axis=alt.Axis(tickCount=4, labelExpr=THOUSANDS))
    tooltip = ["low:Q", "high:Q", "tokens:Q"]
    return (
        alt.Chart(data)
        .mark_bar(color=palette.sequential[4], stroke=palette.paper, strokeWidth=1)
        .encode(x, y, x2="high:Q", tooltip=tooltip)
    )


def rates(rows: Sequence[tuple[str, float]], overall: float, palette: Palette) -> Drawing:
    """A bar from zero for each row, and a grey line at the rate of all."""
    data = pd.DataFrame(rows, columns=["name", "rate"])
    data["label"] = [f"{100 * rate:.1f}\u2009%" for rate in data["rate"]]
    data["overall"] = overall
    data["wide"] = [width_of(label, _LABEL) for label in data["label"]]
    end = max([0.01, overall, *data["rate"]]) * 1.18
    y = alt.Y(
        "name:N",
        sort=list(data["name"]),
        title=None,
        axis=alt.Axis(ticks=False, domain=False, labelFontSize=12, labelLimit=120),
    )
    scale, axis = (
        alt.Scale(domain=[0, end], nice=False),
        alt.Axis(labelExpr=PERCENT, tickCount=4),
    )
    base = alt.Chart(data)
    bars = base.mark_bar(height={"band": 0.6}, color=palette.sequential[4]).encode(
        alt.X("rate:Q", scale=scale, title=None, axis=axis),
        y,
        tooltip=["name:N", alt.Tooltip("rate:Q", format=".2%")],
    )
    rule = (
        alt.Chart(pd.DataFrame({"rate": [overall]}))
        .mark_rule(color=palette.grey, strokeWidth=2)
        .encode(alt.X("rate:Q", scale=scale, title=None))
    )
    dx = past("rate", "overall", "wide", 6)
    labels = base.encode(alt.X("rate:Q", scale=scale, title=None), y, text="label:N")
    return alt.layer(rule, bars, text_with_halo(labels, palette, size=_LABEL, align="left", dx=dx))


def quantiles(
    rows: Sequence[tuple[str, float, float, float, float, float]], palette: Palette, title: str
) -> Drawing:
    """Of each row five quantiles: a line between the outer, a bar between the inner, a dot for the middle."""
    data = pd.DataFrame(rows, columns=["name", "a", "b", "middle", "c", "d"])
    y = alt.Y("name:N", sort=list(data["name"]), title=None, axis=alt.Axis(ticks=False, domain=False))
    quantile = {"a": "5 %", "b": "25 %", "middle": "50 %", "c": "75 %", "d": "95 %"}
    tooltip = [alt.Tooltip(column, title=said, format=".3g") for column, said in quantile.items()]
    base = alt.Chart(data)
    axis = alt.Axis(tickCount=5)
    line = base.mark_rule(color=palette.ink2).encode(
        alt.X("a:Q", title=title, axis=axis), y, x2="d:Q", tooltip=tooltip
    )
    bar = base.mark_bar(height=12, color=palette.sequential[3]).encode(
        alt.X("b:Q"), y, x2="c:Q", tooltip=tooltip
    )
    dot = base.mark_circle(size=70, color=palette.ink, opacity=1).encode(
        alt.X("middle:Q"), y, tooltip=tooltip
    )
    return alt.layer(line, bar, dot)
