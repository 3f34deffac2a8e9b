"""Runs: all of them, and two of them side by side."""

from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from app import pages, record, state
from app.guard import guarded
from app.jobs import engine
from app.paths import data_root
from app.views import _runs
from app.views._compare import compare
from app.views._empty import no_run
from components import page
from components.words import plural
from core.cost.format import DASH, count, letters, significant
from core.design.facts import MetricsRow
from storage import database, metrics, runs
from storage.database import Database
from storage.errors import StorageError
from storage.records import RunSummary

EMPTY = "Your runs will be listed here. Train a design for two minutes to have the first one."
_TABLE = "runs.table"
_EXPERIMENTS = "runs.experiments"


def table_of(db: Database, listed: tuple[RunSummary, ...]) -> pd.DataFrame:
    """A row for each run, the newest first."""
    newest = metrics.newest(db, [run.id for run in listed])
    return pd.DataFrame([row_of(db, run, newest.get(run.id)) for run in listed])


def row_of(db: Database, run: RunSummary, last: MetricsRow | None) -> dict[str, object]:
    """One run in the words of the list."""
    return {
        "Run": run.id,
        "Design": run.name,
        "Status": run.status.value,
        "Data": run.data,
        "Step": run.step,
        "of": run.total_steps,
        "Loss": last.loss if last else None,
        "Parameters": record.parameters(runs.get(db, run.id).design)[0],
        "Seed": run.seed,
        "Created": datetime.fromtimestamp(run.created_at).replace(microsecond=0),
    }


def written(rows: pd.DataFrame) -> Styler:
    """Numbers as the studio writes them; they stay numbers, so the columns are sorted as such."""
    words: dict[Any, Any] = {
        "Step": count,
        "of": count,
        "Loss": significant,
        "Parameters": letters,
        "Created": "{:%Y-%m-%d %H:%M}",
    }
    return rows.style.format(words, na_rep=DASH)


def show(db: Database, listed: tuple[RunSummary, ...]) -> None:
    """The list, what can be done with one run, and two runs compared."""
    own = _runs.own(listed)
    top = page.title_row()
    with top:
        page.title("Runs", f"{plural(len(own), 'run')} of yours. Tick one to choose it, two to compare them.")
        if len(own) < len(listed):
            wanted = st.toggle(
                f"Runs of experiments ({len(listed) - len(own)})",
                value=not own,
                key=_EXPERIMENTS,
                help="Trained to test the claims on the Papers page",
            )
            listed = listed if wanted else own
    if not listed:
        page.small(
            "No run of yours yet. Train a design, or show the runs of experiments with the switch above."
        )
        page.command("python -m app runs")
        return
    event = st.dataframe(
        written(table_of(db, listed)),
        hide_index=True,
        row_height=32,
        height="content" if len(listed) <= 12 else 420,
        placeholder=DASH,
        on_select="rerun",
        selection_mode="multi-row",
        key=_TABLE,
        alt="Runs, the newest first",
    )
    ticked = [listed[i] for i in sorted(event.selection.rows) if i < len(listed)]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        first = chooser(listed, ticked)
        second = other(listed, ticked, first) if len(listed) > 1 else None
    same = ["python -m app runs", f"python -m app runs show {first.id}"]
    if second is not None:
        compare(db, runs.get(db, first.id), runs.get(db, second.id))
        same.append(f"python -m app runs compare {first.id} {second.id}")
    page.command(*same)


def chooser(listed: tuple[RunSummary, ...], ticked: list[RunSummary]) -> RunSummary:
    """The select box of one run, and what can be done with it."""
    by_id = {run.id: run for run in listed}
    begin = ticked[0].id if ticked else state.run_id()
    chosen = st.selectbox(
        "Run",
        list(by_id),
        index=list(by_id).index(begin) if begin in by_id else 0,
        format_func=lambda run_id: _runs.label(by_id[run_id]) if run_id in by_id else run_id,
        width=340,
        key=f"runs.one.{begin}",
    )
    run = by_id[chosen]
    if st.button("Open", icon=":material/arrow_forward:", key="runs.open"):
        state.open_run(run.id)
        st.switch_page(pages.page("train"))
    if st.button("Delete", icon=":material/delete:", type="tertiary", key="runs.delete"):
        confirm(run)
    st.space("stretch")
    return run


def other(listed: tuple[RunSummary, ...], ticked: list[RunSummary], first: RunSummary) -> RunSummary | None:
    """The select box of the run to compare with; None while none is chosen."""
    rest = {run.id: run for run in listed if run.id != first.id}
    begin = next((run.id for run in ticked if run.id != first.id), None)
    # An option of its own instead of a button to clear, which Streamlit draws too small to hit.
    options = ["", *rest]
    chosen = st.selectbox(
        "Compare with",
        options,
        index=options.index(begin or ""),
        format_func=lambda run_id: _runs.label(rest[run_id]) if run_id in rest else run_id or "No other run",
        width=340,
        key=f"runs.two.{first.id}.{begin}",
    )
    return rest.get(chosen)


@st.dialog("Delete this run?")
def confirm(run: RunSummary) -> None:
    """A deleted run cannot be had back, so the button says it again."""
    st.markdown(page.plain(f"{run.name}, {run.step} steps on {run.data}."))
    st.markdown("Its weights, checkpoints, traces and exports go with it. This cannot be undone.")
    if st.button(
        f"Delete run {run.id}", icon=":material/delete:", key="runs.confirm", on_click=delete, args=(run.id,)
    ):
        st.rerun()


@guarded
def delete(run_id: str) -> None:
    """Delete a run, and show it no longer; what stands in the way is said on the page."""
    try:
        engine().delete(run_id)
    except StorageError as error:
        state.leave_message(str(error))
        return
    if state.run_id() == run_id:
        state.open_run(None)


db = database.open(data_root())
engine().reap()
if message := state.take_message():
    page.problems([("error", message, "")])
listed = runs.listing(db)
if listed:
    show(db, listed)
else:
    no_run("Runs", EMPTY)
