"""The Cost page for FPGA boards: resources against limits, time by part, where each figure comes from."""

from collections.abc import Sequence
from functools import lru_cache

import pandas as pd
import streamlit as st

from app.costing import findings
from components import page
from components.charts import palette
from components.charts.cost import bars, used
from core.cost.asking import RefusedError
from core.cost.devices import registry
from core.cost.devices.fabric import Fabric
from core.cost.estimate import Estimate, estimate
from core.cost.format import digits, percent, seconds, size
from core.cost.format import show as shown_figure
from core.cost.fpga import Use
from core.design.spec import Design

BOARDS = tuple(
    name for name in registry.names() if name != "this-cpu" and isinstance(registry.device(name), Fabric)
)
GRADES = (
    "Exact: counted. Rule checked: by rules that synthesis of such parts confirmed. Prior: ideal cycles, with"
    " a band as wide as published designs are off them; no board was timed."
)
BITS = ("w8a8", "w4a8", "w4a4", "w16a16")


@lru_cache(maxsize=128)
def _costed(
    design: Design, board: str, phase: str, batch: int, context: int, bits: str
) -> Estimate | RefusedError:
    try:
        return estimate(design, board, phase=phase, batch=batch, context=context, weights=bits)
    except RefusedError as error:
        return error


def show(design: Design) -> str:
    """Draw the half page; gives the command that says the same."""
    language = design.task.causal_loss
    phases = ("decode", "prefill") if language else ("prefill",)
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        board = st.selectbox("Board", BOARDS, format_func=lambda n: registry.device(n).title, width=150)
        bits = st.selectbox("Bits", BITS, width=120, help="Bits of weights and of activations")
        phase = (
            st.segmented_control("Phase", phases, default=phases[0], format_func=str.capitalize) or phases[0]
        )
        batch = st.number_input("Batch", 1, 256, 1, width=120)
        own = min(design.task.tokens, 2048)
        context = design.task.tokens
        if language:
            context = st.number_input("Context", 1, max(1, design.task.tokens), own, width=140)
    command = f"--target {board} --phase {phase} --batch {batch} --context {context} --weights {bits}"
    found = _costed(design, board, phase, int(batch), int(context), bits)
    if isinstance(found, RefusedError) or found.fit is None:
        st.warning(page.plain(str(found)), icon=":material/warning:")
        return command
    left, right = st.columns([1, 1.2], gap="small")
    with left, page.card():
        _resources(found)
    with right, page.card():
        _time(found)
    with page.card():
        _sources(found)
    return command


def _resources(found: Estimate) -> None:
    assert found.fit is not None
    uses = found.fit.uses
    tightest = max(uses, key=lambda use: use.share)
    if found.fit.fits:
        finding = f"It fits, with {tightest.name} the tightest at {percent(tightest.share)}"
    else:
        finding = f"{tightest.name} is {digits(tightest.share)} times what {found.title} has"
    page.card_head(
        finding,
        "Used of what is there. Rule at 100 %: the limit. Thin line: the estimate's band.",
        "resources of the board",
        lambda: _table(uses),
        "resources",
    )
    rows = []
    for use in uses:
        low = (use.used.low if use.used.low is not None else use.used.value) / use.available
        high = (use.used.high if use.used.high is not None else use.used.value) / use.available
        amount = (
            f"{size(use.used.value)} of {size(use.available)}"
            if use.name == "DRAM"
            else f"{digits(round(use.used.value))} of {digits(use.available)}"
        )
        sign = "✕ " if use.share > 1 else ""
        rows.append((use.name, use.share, low, high, f"{sign}{amount} ({percent(use.share)})"))
    page.chart(used(rows, palette.current()), finding, height=190, key="resources")
    if found.change:
        st.markdown(f":material/warning: {page.plain(found.change)}")


def _table(uses: Sequence[Use]) -> pd.DataFrame:
    """How much of each resource is used and how much is there, as numbers."""
    return pd.DataFrame(
        {
            "Resource": use.name,
            "Used": use.used.value,
            "Low": use.used.low,
            "High": use.used.high,
            "There": use.available,
            "Unit": use.used.unit,
        }
        for use in uses
    )


def _time(found: Estimate) -> None:
    named = findings.by_name(found.ops)
    step = shown_figure(found.step)
    share = named[0].seconds / found.step.value
    name = named[0].name
    finding = f"{name} {findings.takes(name)} {percent(share)} of {step.value} {step.unit}"
    assert found.fit is not None
    engine = found.fit.engine
    page.card_head(
        finding,
        f"{step.band} {step.unit} on an engine of {engine.ti} × {engine.to} multiply-adds, "
        f"{found.load.weights.name}. An expert that serves {digits(found.fit.hidden_rows)} tokens or more"
        " hides the load of the next.",
        "operators on the board",
        lambda: findings.operators(found),
        "fpga-time",
    )
    rows = [(row.name, row.seconds, f"{seconds(row.seconds)}, bound by {row.bound}") for row in named]
    page.chart(bars(rows, palette.current()), finding, height=max(110, 34 * len(rows)), key="fpga-time")


def _sources(found: Estimate) -> None:
    page.head("Where each figure comes from", found.source)
    rows = findings.grades(found).map(page.plain)
    st.table(rows, border="horizontal", hide_index=True)
    page.small(GRADES)
