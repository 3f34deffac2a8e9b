"""Who goes where: domains, tasks, positions, kinds of byte against experts."""

import numpy as np
import pandas as pd
import streamlit as st

from app.routed import Routed
from app.views._routing.panels import card
from app.views._routing.shown import Shown
from components import page
from components.charts import palette
from components.charts.matrix import lifts
from components.heat.grid import grid
from components.heat.mount import heat
from core.analysis.matrices import LABELS, Matrix, matrix

KEY = "routing.label"
#: What the labels of `core.analysis.matrices` are called on the switch.
SAID = {"domains": "Domains", "tasks": "Tasks", "positions": "Positions", "classes": "Kinds of byte"}


def show(shown: Shown, routed: Routed, index: int) -> None:
    """Lift on top, since counts make busy experts look special; below it the shares themselves."""
    label = st.segmented_control(
        "Rows",
        list(LABELS),
        default="domains",
        required=True,
        format_func=lambda name: SAID.get(name, name.capitalize()),
        label_visibility="collapsed",
        key=KEY,
        width="content",
        bind="query-params",
    )
    path = routed.layers[index]["path"]
    found = of_label(routed, path, label)
    if found is None:
        return
    used = found.counts_GE.sum(axis=1) > 0
    rows = [name for name, some in zip(found.names, used, strict=True) if some]
    title = f"Experts by {found.label}, {routed.names[path]}"
    with page.card():
        card.head(
            found.reading,
            "Share of a row's picks over the expert's share of all: 1 is chance. Dots mark what shuffles do"
            " not reach.",
            title,
            lambda: table(found),
            "routing.lift",
        )
        drawing = lifts(rows, found.lift_GE[used], found.notable_GE[used], palette.current(), found.label)
        page.chart(drawing, found.reading.shows, height=26 * len(rows) + 90, key="routing.lift")
    with page.card():
        page.head(
            "The same as shares of each row",
            "Of a row's picks, the part each expert took, %. Read rows: they sum to 100 %.",
        )
        counts = [found.counts_GE[used].tolist()]
        heat(grid(rows, counts, alt=found.reading.shows, numbers=True, corner="expert"), key="routing.goes")


def of_label(routed: Routed, path: str, label: str) -> Matrix | None:
    """Groups against experts of a layer, with what shuffles do not reach; None once its words are said."""

    def counted(path: str, label: str) -> Matrix:
        return matrix(routed.trace, routed.trace.layer(path), LABELS[label](routed.trace))

    return card.kept(routed, "matrix", counted, path, label)


def table(found: Matrix) -> pd.DataFrame:
    """One row a cell."""
    G, E = found.counts_GE.shape
    return pd.DataFrame(
        {
            found.label: np.repeat(found.names, E),
            "expert": np.tile(np.arange(E), G),
            "picks": found.counts_GE.ravel(),
            "share of the row, %": (100 * found.share_GE).round(2).ravel(),
            "lift": found.lift_GE.round(3).ravel(),
            "beyond chance": found.notable_GE.ravel(),
        }
    )
