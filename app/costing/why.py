"""Why a figure is what it is: its formula, what went into it, and what most of it is."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
import streamlit as st

from app.costing import findings
from components import page
from components.words import humanise
from core.cost.estimate import Estimate
from core.cost.figure import Figure, Input
from core.cost.format import digits, percent, seconds, show, size
from core.cost.formulas import FORMULAS

WIDTH = 620


class Told(NamedTuple):
    """A figure, and what most of it is; empty where it has no parts."""

    figure: Figure
    most: str


def draw(found: Estimate) -> None:
    """One figure closely, then the step by what it is spent on, then all figures with their grade."""
    told = figures(found)
    with st.container(width=WIDTH):
        name = st.selectbox("Figure", list(told), width=220, key="cost.why.figure")
        st.table(reasons(found, told[name]), border="horizontal", hide_index=True)
        st.markdown("**What the step is spent on**")
        st.table(findings.spent(found), border="horizontal", hide_index=True)
        st.markdown("**All figures**")
        # How each follows is said of the one that is chosen above.
        short = findings.grades(found).drop(columns="How it follows")
        st.dataframe(short, hide_index=True, alt="Figures with band and grade")
        st.caption(page.plain(found.source))


def figures(found: Estimate) -> dict[str, Told]:
    """Those of the step and of its memory, by name."""
    longest = findings.by_name(found.ops)[0]
    step = (
        f"{findings.BOUNDS[found.bound]}; the longest part is {longest.name.lower()},"
        f" {seconds(longest.seconds)}, {percent(longest.seconds / found.step.value)} of the step"
    )
    part, largest = max(found.needs.rows, key=lambda row: row[1].value)
    needs = f"{part}, {percent(largest.value / found.needs.total.value)}"
    counts = found.counts
    inside = {"weights": f"routed experts, {percent(counts.routed / max(1, counts.total))} of all parameters"}
    out = {"Step": Told(found.step, step), "Rate": Told(found.rate, step)}
    out["Memory"] = Told(found.needs.total, needs)
    return out | {humanise(name): Told(figure, inside.get(name, "")) for name, figure in found.needs.rows}


def reasons(found: Estimate, told: Told) -> pd.DataFrame:
    """Value, formula, inputs and what dominates, each in words."""
    figure, shown = told.figure, show(told.figure)
    load = found.load
    # A figure that names no inputs of its own follows from the whole question.
    asked = (("batch", load.batch), ("context", load.context), ("weights", load.weights.name))
    inputs = ", ".join(
        f"{name.replace('_', ' ')} {_input(value, figure)}" for name, value in figure.inputs or asked
    )
    rows = {
        "Value": f"{shown.value}\u2009{shown.unit}",
        "10–90 %": shown.band or "exact",
        "Grade": shown.grade,
        "Formula": FORMULAS[figure.formula],
        "Inputs": inputs,
        "Most of it": told.most,
    }
    return pd.DataFrame([(what, words) for what, words in rows.items() if words], columns=["", "This figure"])


def _input(value: Input, figure: Figure) -> str:
    if isinstance(value, bool | str):
        return str(value)
    # What a sum of bytes is made of are bytes; other inputs are numbers of things.
    return size(value) if figure.formula == "memory.total" else digits(value)
