"""The comparison of two runs."""

import pandas as pd
import streamlit as st

from app.comparing_losses import Losses, losses, verdict
from app.comparing_runs import Pair, Rows, differences, figures, headline
from components import page
from components.charts import palette
from components.charts.curves import curves, frame
from storage import metrics
from storage.database import Database
from storage.records import RunPublic


def compare(db: Database, one: RunPublic, other: RunPublic) -> None:
    """Settings on the left, curves and last figures on the right."""
    left, right = st.columns([1, 1.25], gap="small")
    pair = one, other
    rows = metrics.read(db, one.id), metrics.read(db, other.id)
    with left, page.card():
        _settings(db, pair)
    with right, page.card():
        _curves(pair, losses(pair, rows))
        _figures(pair, rows)


def _settings(db: Database, pair: Pair) -> None:
    found = differences(db, *pair)
    if not found:
        same = "Design, plan, data and switched experts are the same; the machine may differ."
        page.head(headline(found), same)
        return
    page.head(headline(found), "A dash: only the other run has it.")
    # A cell is Markdown, and a setting may hold words of users.
    rows = [[page.plain(cell) for cell in (d.where, d.setting, d.one, d.other)] for d in found]
    table = pd.DataFrame(rows, columns=["where", "setting", *(page.plain(run.id) for run in pair)])
    # A place is said once for all its settings.
    table["where"] = table["where"].mask(table["where"].eq(table["where"].shift()), "")
    st.table(table, border="horizontal", hide_index=True)


def _curves(pair: Pair, found: Losses) -> None:
    finding = verdict(pair, found)
    if len(found.missing) == len(pair):
        page.head(finding, "Curves begin with the first evaluation.")
        return
    page.card_head(
        finding,
        f"{found.name.capitalize()}, all domains together, over steps.",
        f"{found.name.capitalize()} of two runs",
        lambda: frame(found.series),
        "compare.curves",
    )
    last = max(run.total_steps or run.step for run in pair)
    drawing = curves(found.series, palette.current(), last_step=last)
    page.chart(drawing, finding, height=280, key="compare.curves")


def _figures(pair: Pair, rows: tuple[Rows, Rows]) -> None:
    """The last figures of both, as a table."""
    last = {run.id: figures(run, own) for run, own in zip(pair, rows, strict=True)}
    table = pd.DataFrame(last).rename_axis("figure").reset_index()
    st.dataframe(
        table, hide_index=True, row_height=28, key="compare.figures", alt="Last figures of both runs"
    )
