"""Rows against experts, a coloured cell each: how far from chance, or how alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import numpy.typing as npt
import pandas as pd

from components.canvas.theme import text_on
from components.charts.base import Drawing
from components.charts.palette import Palette

Floats = npt.NDArray[np.float64]

#: Colours of a lift end at a quarter and at four times chance.
_FAR = 2.0
#: Numbers are written into cells of at most this many columns.
_ROOMY = 20


def lifts(
    rows: Sequence[str],
    lift_GE: Floats,
    notable_GE: npt.NDArray[np.bool_],
    palette: Palette,
    name: str,
    columns: Sequence[str] | None = None,
) -> Drawing:
    """Blue below chance, orange above, in doublings; a dot where `notable_GE`; – where undefined."""
    data = _cells(rows, lift_GE, columns)
    data["notable"] = notable_GE.ravel()
    with np.errstate(divide="ignore"):
        data["doublings"] = np.log2(data["value"].to_numpy()).clip(-_FAR, _FAR)
    data["label"] = [_times(value) for value in data["value"]]
    strong = (data["doublings"].abs() > 0.55 * _FAR) & data["value"].notna()
    scale = alt.Scale(domain=[-_FAR, _FAR], domainMid=0, range=list(palette.diverging), clamp=True)
    legend = _legend(
        "times chance",
        values=[-2, -1, 0, 1, 2],
        labelExpr="datum.value < 0 ? '1/' + pow(2, -datum.value) : pow(2, datum.value)",
    )
    tooltip = [
        alt.Tooltip("row:N", title=name),
        alt.Tooltip("column:N", title="expert"),
        alt.Tooltip("label:N", title="times chance"),
    ]
    x, y = _axes(rows, data)
    base = alt.Chart(data)
    fill = base.mark_rect(stroke=palette.paper, strokeWidth=1).encode(
        x, y, alt.Color("doublings:Q", scale=scale, legend=legend), tooltip=tooltip
    )
    numbered = lift_GE.shape[1] <= _ROOMY
    inks = [(~strong, palette.ink), (strong, palette.paper)] if numbered else []
    numbers = [
        alt.Chart(data[cells]).mark_text(fontSize=11, color=colour).encode(x, y, text="label:N")
        for cells, colour in inks
    ]
    dots = (
        alt.Chart(data[data["notable"]])
        .mark_point(
            size=24,
            filled=True,
            color=palette.ink,
            stroke=palette.paper,
            strokeWidth=1,
            opacity=1,
            xOffset=-20 if numbered else 0,
        )
        .encode(x, y)
    )
    # An empty layer would be a group of marks without a word for those who do not see it.
    return alt.layer(fill, *numbers, *([dots] if notable_GE.any() else []))


def alikeness(
    names: Sequence[str], value_EE: Floats, palette: Palette, *, signed: bool, title: str, top: float = 1.0
) -> Drawing:
    """Experts against experts: 0 to `top`, or with `signed` -1 to 1, where 0 is unrelated; – if undefined."""
    data = _cells(names, value_EE, names)
    data["label"] = [f"{value:.2f}" if np.isfinite(value) else "–" for value in data["value"]]
    colours = list(palette.diverging if signed else palette.sequential)
    low, high = (-1.0, 1.0) if signed else (0.0, top)
    scale = alt.Scale(domain=[low, high], range=colours, clamp=True)
    legend = _legend(title)
    tooltip = [
        alt.Tooltip("row:N", title="expert"),
        alt.Tooltip("column:N", title="and"),
        alt.Tooltip("label:N", title=title),
    ]
    x, y = _axes(names, data)
    fill = (
        alt.Chart(data)
        .mark_rect(stroke=palette.paper, strokeWidth=1)
        .encode(x, y, alt.Color("value:Q", scale=scale, legend=legend), tooltip=tooltip)
    )
    if len(names) > _ROOMY:
        return fill
    places = (data["value"] - low) / (high - low)
    data["on"] = [_ink_on(place, colours, palette) for place in places]
    numbers = [
        alt.Chart(cells).mark_text(fontSize=11, color=str(colour)).encode(x, y, text="label:N")
        for colour, cells in data.groupby("on")
    ]
    return alt.layer(fill, *numbers)


def _ink_on(place: float, colours: Sequence[str], palette: Palette) -> str:
    """What reads on the colour at this place, 0 to 1, of the scale; ink where nothing is drawn."""
    if not np.isfinite(place):
        return palette.ink
    return text_on(colours[round(float(np.clip(place, 0, 1)) * (len(colours) - 1))])


def _cells(rows: Sequence[str], value_GE: Floats, columns: Sequence[str] | None) -> pd.DataFrame:
    G, E = value_GE.shape
    names = list(columns) if columns is not None else [str(e) for e in range(E)]
    return pd.DataFrame(
        {"row": np.repeat(list(rows), E), "column": np.tile(names, G), "value": value_GE.ravel()}
    )


def _axes(rows: Sequence[str], data: pd.DataFrame) -> tuple[alt.X, alt.Y]:
    columns = list(dict.fromkeys(data["column"]))
    every = 8 if len(columns) > 32 else 4 if len(columns) > 24 else 1
    axis = alt.Axis(
        orient="top",
        labelAngle=0,
        values=columns[::every],
        ticks=False,
        domain=False,
        grid=False,
        labelPadding=4,
        titlePadding=2,
    )
    x = alt.X("column:N", sort=columns, title="expert", axis=axis)
    y = alt.Y("row:N", sort=list(rows), title=None, axis=alt.Axis(ticks=False, domain=False, labelLimit=120))
    return x, y


def _legend(title: str, **more: Any) -> alt.Legend:
    return alt.Legend(
        title=title,
        orient="bottom",
        direction="horizontal",
        gradientLength=160,
        gradientThickness=8,
        offset=6,
        titleFontSize=11,
        labelFontSize=11,
        titleFontWeight="normal",
        **more,
    )


def _times(value: float) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{value:.1f}" if value >= 0.095 else f"{value:.2f}"
