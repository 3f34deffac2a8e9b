"""Router: its rows as directions, which experts look for the same thing."""

import pandas as pd
import streamlit as st

from app.routed import Routed
from app.views._routing.panels import card
from app.views._routing.shown import Shown
from components import page
from components.charts import palette
from components.charts.matrix import alikeness
from components.charts.plane import plane
from core.analysis.geometry import Geometry, geometry
from core.analysis.reading import figure


def show(shown: Shown, routed: Routed, index: int) -> None:
    """Directions on a plane, and their cosines."""
    path = routed.layers[index]["path"]
    experts = card.experts(shown, path)
    if experts is None:
        return
    if experts.router_ED is None:
        page.small(
            "This router has no row for each expert, so there are no directions to compare. Layers with a"
            " linear score have them."
        )
        return
    rows_ED, load_E = experts.router_ED, experts.load_E
    found = card.kept(routed, "router", lambda *_: geometry(rows_ED, load_E), path, experts.step)
    if found is None:
        return
    name = routed.names[path]
    left, right = st.columns([1, 1], gap="small")
    with left, page.card():
        card.head(
            found.reading,
            f"Directions of the router's rows on the plane that keeps most of their differences,"
            f" {figure(100 * found.kept)} % of them. Discs grow with the row's norm.",
            f"Router directions, {name}",
            lambda: places(found, load_E.tolist()),
            "routing.plane",
        )
        drawing = plane(found.place_E2, found.norm_E, palette.current())
        page.chart(drawing, found.reading.shows, height=380, key="routing.plane")
    finding = norms(found)
    names = [str(e) for e in range(len(found.norm_E))]
    with right, page.card():
        page.card_head(
            finding,
            "Cosine of two rows: 1 is the same direction, 0 unrelated. An expert with a long row is asked by"
            " more tokens at equal direction.",
            f"Router cosines, {name}",
            lambda: cosines(found),
            "routing.cosine",
        )
        drawing = alikeness(names, found.cosine_EE, palette.current(), signed=True, title="cosine")
        page.chart(drawing, finding, height=380, key="routing.cosine")


def norms(found: Geometry) -> str:
    """Whether long rows go with load."""
    if found.norm_load is None:
        return "Rows do not differ in length, or experts not in load"
    if abs(found.norm_load) < 0.5:
        return f"How long a row is tells little of its expert's load (correlation {figure(found.norm_load)})"
    more = "more" if found.norm_load > 0 else "less"
    return f"Experts with longer rows get {more} tokens (correlation {figure(found.norm_load)})"


def places(found: Geometry, load: list[int]) -> pd.DataFrame:
    """One row an expert."""
    return pd.DataFrame(
        {
            "expert": range(len(load)),
            "across": found.place_E2[:, 0].round(4),
            "up": found.place_E2[:, 1].round(4),
            "norm": found.norm_E.round(4),
            "tokens": load,
        }
    )


def cosines(found: Geometry) -> pd.DataFrame:
    """One row a pair."""
    size = range(len(found.cosine_EE))
    rows = [(i, j, round(float(found.cosine_EE[i, j]), 4)) for i in size for j in size if i < j]
    return pd.DataFrame(rows, columns=["expert", "and", "cosine"])
