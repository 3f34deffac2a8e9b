"""Drops: whom capacity turned away."""

import numpy as np
import pandas as pd
import streamlit as st

from app.routed import Routed
from app.views._routing.panels import card
from app.views._routing.shown import Shown
from components import page
from components.charts import palette
from components.charts.bars import rates
from core.analysis.drops import Drops, drops

Rows = list[tuple[str, float]]


def show(shown: Shown, routed: Routed, index: int) -> None:
    """Rates apart: by expert, rank of the choice, position, domain; beside each the rate of all choices."""
    path = routed.layers[index]["path"]
    found = card.kept(routed, "drops", lambda at: drops(routed.trace, routed.trace.layer(at)), path)
    if found is None:
        return
    apart = groups(found, routed.trace.domains)
    with page.card():
        card.head(
            found.reading,
            "Share of the choices that an expert had no place for, in the pass that was traced. Grey line:"
            " the rate of all choices.",
            f"Drops, {routed.names[path]}",
            lambda: table(apart),
            "routing.drops",
        )
        if not found.rate:
            page.small("With nothing dropped there is nothing to tell apart.")
            return
    left, right = st.columns(2, gap="small")
    for place, (name, rows) in zip((left, right, left, right), apart.items(), strict=True):
        with place, page.card():
            one(name, rows, found.rate)


def one(name: str, rows: Rows, rate: float) -> None:
    """One way to tell choices apart."""
    worst, most = max(rows, key=lambda row: row[1])
    finding = f"{worst}: {100 * most:.1f} % turned away, the most by {name}"
    page.head(finding)
    drawing = rates(rows, rate, palette.current())
    page.chart(drawing, finding, height=34 + 22 * len(rows), key=f"routing.drops.{name}")


def groups(found: Drops, domains: tuple[str, ...]) -> dict[str, Rows]:
    """Rates by what choices are told apart by; what was never chosen is left out."""
    ways = {
        "expert": ([f"expert {e}" for e in range(len(found.expert_E))], found.expert_E),
        "rank of the choice": ([f"choice {k + 1}" for k in range(len(found.choice_K))], found.choice_K),
        "position": ([f"position {name}" for name in found.positions], found.position_P),
        "domain": (list(domains), found.domain_N),
    }
    return {
        name: [(row, float(rate)) for row, rate in zip(rows, rates, strict=True) if np.isfinite(rate)]
        for name, (rows, rates) in ways.items()
    }


def table(apart: dict[str, Rows]) -> pd.DataFrame:
    """All of them below each other."""
    rows = [(name, row, round(100 * rate, 3)) for name, found in apart.items() for row, rate in found]
    return pd.DataFrame(rows, columns=["told apart by", "row", "dropped, %"])
