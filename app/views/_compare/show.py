"""The comparison of two runs."""

import pandas as pd
import streamlit as st

from app import record
from app.views._compare.difference import data, design, plan
from components import page
from components.charts import findings, palette
from components.charts.curves import curves, frame
from core.cost.format import DASH, count, duration, significant
from core.design.facts import MetricsRow
from storage import metrics
from storage.database import Database
from storage.records import RunPublic

Rows = tuple[MetricsRow, ...]


def compare(db: Database, one: RunPublic, other: RunPublic) -> None:
    """Settings on the left, curves and last figures on the right."""
    left, right = st.columns([1, 1.25], gap="small")
    rows = metrics.read(db, one.id), metrics.read(db, other.id)
    with left, page.card():
        _settings(one, other)
    with right, page.card():
        _curves((one, other), rows)
        _figures((one, other), rows)


def _settings(one: RunPublic, other: RunPublic) -> None:
    parts = {
        "design": list(design(one, other)),
        "plan": list(plan(one, other)),
        "data": list(data(one, other)),
    }
    found = [row for rows in parts.values() for row in rows]
    if not found:
        page.head(
            "Nothing was set differently", "Design, plan and data are the same; the machine may differ."
        )
        return
    said = ", ".join(f"{len(rows)} in the {part}" for part, rows in parts.items() if rows)
    many = "setting differs" if len(found) == 1 else "settings differ"
    page.head(f"{len(found)} {many}: {said}", "A dash: only the other run has it.")
    # Markdown in a cell is drawn, and a name may be an address.
    table = pd.DataFrame(found, columns=["where", "setting", one.id, other.id]).map(page.plain)
    # A place is said once for all its settings.
    table["where"] = table["where"].mask(table["where"].eq(table["where"].shift()), "")
    st.table(table, border="horizontal", hide_index=True)


def _curves(pair: tuple[RunPublic, RunPublic], rows: tuple[Rows, Rows]) -> None:
    series = {
        run.id: record.held_out_total(own) or record.total(own) for run, own in zip(pair, rows, strict=True)
    }
    ended = {name: points[-1][1] for name, points in series.items() if points}
    if len(ended) < 2:
        page.head("One of the runs has no figures yet", "Its curve begins with its first evaluation.")
    else:
        page.card_head(
            better(ended),
            "Held-out loss, all domains together, over steps.",
            "Held-out loss of two runs",
            lambda: frame(series),
            "compare.curves",
        )
    if ended:
        last = max(run.total_steps or run.step for run in pair)
        drawing = curves(series, palette.current(), last_step=last)
        page.chart(drawing, better(ended), height=280, key="compare.curves")


def better(ended: dict[str, float]) -> str:
    """Which run ended lower, and by how much."""
    if len(ended) < 2:
        return findings.losses({name: [(0, value)] for name, value in ended.items()}, "held-out loss")
    low, high = sorted(ended, key=ended.__getitem__)
    gap = ended[high] - ended[low]
    if gap < 0.005:
        return f"Both end at a held-out loss of {ended[low]:.2f}"
    return f"{low} ends {gap:.2f} lower in held-out loss, at {ended[low]:.2f}"


def _figures(pair: tuple[RunPublic, RunPublic], rows: tuple[Rows, Rows]) -> None:
    """The last figures of both, as a table."""
    columns = {run.id: figures(run, record) for run, record in zip(pair, rows, strict=True)}
    table = pd.DataFrame(columns).rename_axis("figure").reset_index()
    st.dataframe(
        table, hide_index=True, row_height=28, key="compare.figures", alt="Last figures of both runs"
    )


def figures(run: RunPublic, rows: Rows) -> dict[str, str]:
    """Last figures of a run in words; a dash for what it never recorded."""
    total, active = record.parameters(run.design)
    held, trained = record.held_out_total(rows), record.total(rows)
    routed = record.routing(rows)
    special = routed[-1].specialization if routed else None
    return {
        "Status": run.status.value,
        "Steps": count(run.step),
        "Held-out loss": significant(held[-1][1]) if held else DASH,
        "Training loss": significant(trained[-1][1]) if trained else DASH,
        "Busiest expert, × fair share": significant(routed[-1].busiest) if routed else DASH,
        "Dead experts": f"{routed[-1].dead} of {routed[-1].experts}" if routed else DASH,
        "Specialization, best layer": DASH if special is None else f"{special:.2f}",
        "Parameters": count(total),
        "Active parameters": count(active),
        "Training time": duration(rows[-1].seconds) if rows else DASH,
    }
