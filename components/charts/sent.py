"""What tokens send between devices, layout by layout."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from components.charts.base import Drawing, text_with_halo
from components.charts.palette import Palette

WAYS = ("to the experts", "back")


def sent(rows: Sequence[tuple[str, float, float]], palette: Palette) -> Drawing:
    """A stacked bar a row (name, to the experts, back), its sum at its end."""
    parts = pd.DataFrame(
        [(name, way, value) for name, *values in rows for way, value in zip(WAYS, values, strict=True)],
        columns=["name", "way", "vectors"],
    )
    sums = pd.DataFrame([(name, out + back) for name, out, back in rows], columns=["name", "vectors"])
    y = alt.Y(
        "name:N",
        sort=[row[0] for row in rows],
        title=None,
        axis=alt.Axis(ticks=False, domain=False, labelFontSize=12),
    )
    scale = alt.Scale(domain=[0, max([0.1, *sums["vectors"]]) * 1.12], nice=False)
    title, axis = "vectors a token", alt.Axis(tickCount=5)
    hue = alt.Color(
        "way:N",
        scale=alt.Scale(domain=list(WAYS), range=[palette.sequential[5], palette.sequential[2]]),
        legend=alt.Legend(title=None, orient="top", direction="horizontal", offset=2),
    )
    tooltip = ["name:N", "way:N", alt.Tooltip("vectors:Q", format=".3f")]
    bars = (
        alt.Chart(parts)
        .mark_bar(height={"band": 0.6})
        .encode(alt.X("vectors:Q", scale=scale, title=title, stack=True, axis=axis), y, hue, tooltip=tooltip)
    )
    labels = alt.Chart(sums).encode(
        alt.X("vectors:Q", scale=scale, title=title), y, text=alt.Text("vectors:Q", format=".2f")
    )
    return alt.layer(bars, text_with_halo(labels, palette, size=11.5, align="left", dx=6))
