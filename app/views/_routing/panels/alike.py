"""Alike: how similar the experts of a layer are, by weights and by what they put out."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from app.routed import Routed
from app.views._routing.panels import card
from app.views._routing.shown import Shown
from components import page
from components.charts import palette
from components.charts.matrix import alikeness
from core.analysis.similarity import Similarity, by_cka, by_output, by_weights
from core.probe.answers import Experts

KEY = "routing.measure"


def _weights(experts: Experts) -> Similarity:
    return by_weights(experts.neurons_E)


def _outputs(experts: Experts) -> Similarity:
    return by_output(experts.output_END)


def _cka(experts: Experts) -> Similarity:
    return by_cka(experts.output_END)


#: Ways to compare: what is drawn, and how from the experts' arrays.
MEASURES: dict[str, tuple[str, Callable[[Experts], Similarity]]] = {
    "Weights": ("Cosine of two experts' weights, their neurons put in the best matching order.", _weights),
    "Outputs": ("Mean cosine of what two experts put out for the same held-out tokens.", _outputs),
    "CKA": ("Likeness of the geometry of two experts' outputs, 0 to 1.", _cka),
}


def show(shown: Shown, routed: Routed, index: int) -> None:
    """Experts against experts, by one measure at a time."""
    path = routed.layers[index]["path"]
    measure = st.segmented_control(
        "Measure",
        list(MEASURES),
        default="Weights",
        required=True,
        label_visibility="collapsed",
        key=KEY,
        width="content",
        bind="query-params",
    )
    experts = card.experts(shown, path)
    if experts is None:
        return
    if measure == "Weights" and not experts.neurons_E:
        page.small("Experts of this kind have no hidden neurons to match. Compare what they put out.")
        return
    what, compare = MEASURES[measure or "Weights"]
    mark = (path, measure, experts.step)
    found = card.kept(routed, "alike", lambda *_: compare(experts), *mark)
    if found is None:
        return
    names = [str(e) for e in range(len(found.value_EE))]
    with page.card():
        card.head(
            found.reading,
            f"{what} Blue below 0, orange above." if measure != "CKA" else what,
            f"Experts alike by {measure}, {routed.names[path]}",
            lambda: table(found),
            "routing.alike",
        )
        drawing = alikeness(
            names, found.value_EE, palette.current(), signed=measure != "CKA", title=found.measure
        )
        height = min(560, max(240, 26 * len(names) + 90))
        page.chart(drawing, found.reading.shows, height=height, key="routing.alike")


def table(found: Similarity) -> pd.DataFrame:
    """One row a pair."""
    rows = [
        (i, j, round(float(found.value_EE[i, j]), 4))
        for i in range(len(found.value_EE))
        for j in range(i + 1, len(found.value_EE))
    ]
    return pd.DataFrame(rows, columns=["expert", "and", found.measure])
