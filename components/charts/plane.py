"""Experts as numbered discs on a plane."""

from __future__ import annotations

import altair as alt
import numpy as np
import numpy.typing as npt
import pandas as pd

from components.charts.base import Drawing
from components.charts.palette import Palette


def plane(place_E2: npt.NDArray[np.float64], size_E: npt.NDArray[np.float64], palette: Palette) -> Drawing:
    """Both axes at the same scale, so that distances are what they are; the origin marked."""
    reach = float(np.abs(place_E2).max(initial=1e-9)) * 1.15
    data = pd.DataFrame(
        {
            "x": place_E2[:, 0],
            "y": place_E2[:, 1],
            "size": size_E,
            "expert": [str(e) for e in range(len(size_E))],
        }
    )
    scale = alt.Scale(domain=[-reach, reach], nice=False)
    axis = alt.Axis(tickCount=5, format=".2f")
    x, y = alt.X("x:Q", scale=scale, title=None, axis=axis), alt.Y("y:Q", scale=scale, title=None, axis=axis)
    tooltip = [
        alt.Tooltip("expert:N"),
        alt.Tooltip("size:Q", title="norm", format=".3g"),
        alt.Tooltip("x:Q", format=".3f"),
        alt.Tooltip("y:Q", format=".3f"),
    ]
    zero = pd.DataFrame({"at": [0.0]})
    across = alt.Chart(zero).mark_rule(color=palette.grey).encode(alt.Y("at:Q", scale=scale))
    up = alt.Chart(zero).mark_rule(color=palette.grey).encode(alt.X("at:Q", scale=scale))
    base = alt.Chart(data)
    size = alt.Size("size:Q", legend=None, scale=alt.Scale(zero=False, range=[260, 620]))
    discs = base.mark_circle(
        color=palette.paper, stroke=palette.sequential[5], strokeWidth=2, opacity=1
    ).encode(x, y, size, tooltip=tooltip)
    numbers = base.mark_text(fontSize=11, fontWeight=600, color=palette.ink).encode(x, y, text="expert:N")
    return alt.layer(across, up, discs, numbers)
