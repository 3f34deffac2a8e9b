"""Dots of estimates against what chance alone gives."""

from __future__ import annotations

import math
from collections.abc import Sequence

import altair as alt
import pandas as pd

from components.canvas.letters import width_of
from components.charts.base import PERCENT, Drawing, past, text_with_halo
from components.charts.palette import Palette

_LABEL = 11.5


def against_chance(rows: Sequence[tuple[str, float, float]], palette: Palette) -> Drawing:
    """One line a row (name, value, chance): a dot for the value, a grey bar up to what chance stays below."""
    data = pd.DataFrame(rows, columns=["name", "value", "chance"])
    most = max([*data["value"], *data["chance"]], default=0.0) if len(data) else 0.0
    step = 0.05 if most < 0.2 else 0.1
    end = min(1.0, max(0.1, math.ceil(most * 1.2 / step) * step))
    y = alt.Y(
        "name:N",
        sort=list(data["name"]),
        title=None,
        axis=alt.Axis(ticks=False, domain=False, labelFontSize=12, labelLimit=120),
    )
    scale = alt.Scale(domain=[0, end], nice=False)
    tooltip = ["name:N", alt.Tooltip("value:Q", format=".3f"), alt.Tooltip("chance:Q", format=".3f")]
    base = alt.Chart(data)
    axis = alt.Axis(format=".2f", tickCount=5)
    bars = base.mark_bar(height={"band": 0.6}, color=palette.grey, opacity=0.7).encode(
        alt.X("chance:Q", scale=scale, title=None, axis=axis), y, tooltip=tooltip
    )
    dots = base.mark_circle(size=90, color=palette.categorical[2], opacity=1).encode(
        alt.X("value:Q", scale=scale, title=None, axis=axis), y, tooltip=tooltip
    )
    labels = base.encode(alt.X("value:Q", scale=scale, title=None), y, text=alt.Text("value:Q", format=".2f"))
    return alt.layer(bars, dots, text_with_halo(labels, palette, size=11.5, align="left", dx=9))


def shares(rows: Sequence[tuple[str, float, float]], palette: Palette) -> Drawing:
    """One line a row (name, share, share expected): a bar from zero, and a tick where chance would end it."""
    data = pd.DataFrame(rows, columns=["name", "share", "expected"])
    data["label"] = [f"{100 * share:.0f}\u2009%" for share in data["share"]]
    data["wide"] = [width_of(label, _LABEL) for label in data["label"]]
    end = max([0.1, *data["share"], *data["expected"]]) * 1.16 if len(data) else 1.0
    y = alt.Y(
        "name:N",
        sort=list(data["name"]),
        title=None,
        axis=alt.Axis(ticks=False, domain=False, labelFontSize=12, labelLimit=120),
    )
    scale = alt.Scale(domain=[0, end], nice=False)
    axis = alt.Axis(labelExpr=PERCENT, tickCount=4)
    tooltip = ["name:N", alt.Tooltip("share:Q", format=".1%"), alt.Tooltip("expected:Q", format=".1%")]
    base = alt.Chart(data)
    bars = base.mark_bar(height={"band": 0.6}, color=palette.sequential[4]).encode(
        alt.X("share:Q", scale=scale, title=None, axis=axis), y, tooltip=tooltip
    )
    ticks = base.mark_tick(thickness=2, height={"band": 0.9}, color=palette.ink2).encode(
        alt.X("expected:Q", scale=scale, title=None), y
    )
    dx = past("share", "expected", "wide", 6)
    labels = base.encode(alt.X("share:Q", scale=scale, title=None), y, text="label:N")
    return alt.layer(bars, ticks, text_with_halo(labels, palette, size=_LABEL, align="left", dx=dx))
