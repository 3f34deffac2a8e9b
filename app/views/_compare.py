"""The comparison of two runs."""

import pandas as pd
import streamlit as st

from app import record
from app.comparing_runs import differences, figures, headline
from components import page
from components.charts import findings, palette
from components.charts.curves import curves, frame
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
    found = differences(one, other)
    if not found:
        page.head(headline(found), "Design, plan and data are the same; the machine may differ.")
        return
    page.head(headline(found), "A dash: only the other run has it.")
    # Markdown in a cell is drawn, and a name may be an address.
    rows = [[page.plain(cell) for cell in (d.where, d.setting, d.one, d.other)] for d in found]
    table = pd.DataFrame(rows, columns=["where", "setting", one.id, other.id])
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
