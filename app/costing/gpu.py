"""The Cost page for processors: roofline, fit, time and memory by batch, and another design beside it."""

from __future__ import annotations

import json

import streamlit as st

from app.costing import batches, compare, controls, findings, fits, own, why
from app.costing.change import with_change
from app.costing.controls import Chosen
from app.costing.document import document
from app.costing.question import costed
from components import page
from components.charts import palette
from components.charts.cost import ROOF_HEIGHT, Roof, roofline
from components.save.mount import save
from core.cost.asking import RefusedError
from core.cost.devices.base import Processor
from core.cost.estimate import Estimate
from core.cost.format import count as exactly
from core.cost.format import digits
from core.cost.format import show as as_shown
from core.design.spec import Design
from storage.database import Database


def show(db: Database, design: Design) -> str:
    """Draw the half page; gives the command that says the same."""
    chosen = controls.choose(db, design)
    if chosen is None:
        st.markdown("No target is chosen. Pick one above; type to search among all devices.")
        return "--target h100-sxm"
    on, question = chosen.targets[0], chosen.question
    found = costed(design, on, question)
    if isinstance(found, RefusedError):
        page.problems([(p.severity, str(p.message), str(p.fix)) for p in found.problems])
        return question.command(on.name)
    _tools(design, chosen, found)
    if found.caveats:
        page.small(" ".join(found.caveats))
    left, right = st.columns([1.12, 1], gap="small")
    with left, page.card():
        _roofline(chosen, found)
    with right, page.card():
        fits.show(design, chosen)
    batches.show(design, chosen)
    with page.card():
        compare.draw(design, chosen)
    return question.command(on.name)


def _tools(design: Design, chosen: Chosen, found: Estimate) -> None:
    """The line under the controls: what holds, own devices, calibration, all figures to take away."""
    on = chosen.targets[0]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        own.calibrated(on)
        page.small(_step(found))
        st.space("stretch")
        if st.button("Describe a device", icon=":material/add:", type="tertiary", key="cost.describe"):
            own.describe()
        if design.task.causal_loss and st.button(
            "Calibrate", icon=":material/tune:", type="tertiary", key="cost.calibrate"
        ):
            own.calibrate(design, on, chosen.question)
        st.download_button(
            "All figures",
            lambda: json.dumps(
                document(
                    found.asks,
                    with_change(found, on, chosen.question.asked),
                    {},
                    compare.money(found, chosen),
                ),
                indent=2,
            ),
            f"cost-{on.name}.json",
            "application/json",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
            key="cost.json",
            help="What the command below prints with --json",
        )


def _step(found: Estimate) -> str:
    """`12.3 ms a token (10.1-15.2), fitted`."""
    shown, rate = as_shown(found.step), as_shown(found.rate)
    band = f" ({shown.band})" if shown.band else ""
    return (
        f"{found.title}: {shown.value} {shown.unit}{band}, {shown.grade} · {rate.value} {rate.unit} ·"
        f" most of it {findings.BOUNDS[found.bound]}"
    )


def _roofline(chosen: Chosen, found: Estimate) -> None:
    finding, load = findings.what_bounds(found), found.load
    with st.container(gap=None):
        with st.container(horizontal=True, gap="small", wrap=False, vertical_alignment="top"):
            with st.container(width="stretch"):
                page.head(finding)
            page.table("operators", lambda: findings.operators(found), key="operators")
            with st.popover("Why", icon=":material/info:", key="cost.why"):
                why.draw(found)
            save("Roofline", key="roofline.save")
        page.small(
            f"{found.title}, {load.phase}, batch {load.batch}, context {exactly(load.context)},"
            f" {load.weights.name}. Dot area is the share of step time."
        )
    roofs = [_roof(on) for on in chosen.targets[:3]]
    drawn = roofline(roofs[0], findings.dots(found), palette.current(), others=roofs[1:])
    page.chart(drawn, finding, height=ROOF_HEIGHT, key="roofline")


def _roof(on: Processor) -> Roof:
    peak = on.peak[on.compute]
    return Roof(
        peak,
        on.bandwidth,
        f"{on.title}: {digits(peak / 1e12)} {on.compute}",
        f"{digits(on.bandwidth / 1e12)} TB/s",
    )
