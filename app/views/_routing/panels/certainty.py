"""Certainty: how sure the router is of its choices."""

import numpy as np
import pandas as pd
import streamlit as st

from app.routed import Routed
from app.views._routing.panels import card
from app.views._routing.shown import Shown
from components import page
from components.charts import palette
from components.charts.bars import histogram, quantiles, rates
from core.analysis.decisions import BINS, NEAR_TIE, QUANTILES, Decisions, decisions
from core.analysis.reading import figure


def show(shown: Shown, routed: Routed, index: int) -> None:
    """Tokens by entropy; means by domain; the gap between in and out."""
    path = routed.layers[index]["path"]
    found = card.kept(routed, "decisions", lambda at: decisions(routed.trace, routed.trace.layer(at)), path)
    if found is None:
        return
    name, colours = routed.names[path], palette.current()
    left, right = st.columns([1.4, 1], gap="small")
    with left, page.card():
        card.head(
            found.reading,
            "Tokens by the router's entropy, % of an undecided router's.",
            f"Entropy, {name}",
            lambda: entropies(found),
            "routing.entropy",
        )
        drawing = histogram(found.entropy_B, (0, 100), "entropy, % of undecided", colours)
        page.chart(drawing, found.reading.shows, height=230, key="routing.entropy")
    with right, page.card():
        finding = by_domain(routed.trace.domains, found.entropy_N)
        rows = [
            (domain, float(value))
            for domain, value in zip(routed.trace.domains, found.entropy_N, strict=True)
            if np.isfinite(value)
        ]
        page.card_head(
            finding,
            "Mean entropy in each domain. Grey line: all tokens. A domain is easy for the router, not"
            " necessarily for the model.",
            f"Entropy by domain, {name}",
            lambda: pd.DataFrame(rows, columns=["domain", "mean entropy, share of undecided"]),
            "routing.entropy_domain",
        )
        mean = float(np.average((np.arange(BINS) + 0.5) / BINS, weights=found.entropy_B))
        drawing, height = rates(rows, mean, colours), 34 + 26 * len(rows)
        page.chart(drawing, finding, height=height, key="routing.entropy_domain")
    if found.margin_Q is not None and found.near_ties is not None:
        margins(found, name)


def margins(found: Decisions, name: str) -> None:
    """The gap between the last expert chosen and the best that was not."""
    assert found.margin_Q is not None
    finding = (
        f"{figure(100 * (found.near_ties or 0))} % of the choices could have gone the other way: their gap is"
        f" under {NEAR_TIE}"
    )
    rows = list(zip([f"{100 * q:.0f} %" for q in QUANTILES], found.margin_Q.tolist(), strict=True))
    with page.card():
        page.card_head(
            finding,
            "Gap between the last expert chosen and the first that was not, in the router's scores: line 5 to"
            " 95 % of tokens, bar 25 to 75 %, dot the median. Scores of two routers have no common unit.",
            f"Margins, {name}",
            lambda: pd.DataFrame(rows, columns=["of the tokens lie below", "gap"]),
            "routing.margin",
        )
        drawing = quantiles(
            [(name, *found.margin_Q.tolist())], palette.current(), "gap in the router's scores"
        )
        page.chart(drawing, finding, height=70, key="routing.margin")


def by_domain(domains: tuple[str, ...], entropy_N: np.ndarray) -> str:
    """Where the router is most and least sure."""
    there = np.flatnonzero(np.isfinite(entropy_N))
    if len(there) < 2:
        return "There is one domain, so none to compare"
    low, high = there[entropy_N[there].argmin()], there[entropy_N[there].argmax()]
    if entropy_N[high] - entropy_N[low] < 0.02:
        return "The router is about as sure in every domain"
    return (
        f"The router is surest of {domains[low]} ({100 * entropy_N[low]:.0f} %) and least sure of"
        f" {domains[high]} ({100 * entropy_N[high]:.0f} %)"
    )


def entropies(found: Decisions) -> pd.DataFrame:
    """One row a bar."""
    edges = np.linspace(0, 100, BINS + 1)
    return pd.DataFrame(
        {"from, % of undecided": edges[:-1], "to, %": edges[1:], "tokens": found.entropy_B.tolist()}
    )
