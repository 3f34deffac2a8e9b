"""Which run a page shows, the same on Train, Routing and Export, and what its rows are of."""

from collections.abc import Sequence

import streamlit as st

from app import pages, record, state
from app.paths import data_root
from app.views._train.data import facts_of
from components import page
from core.data.errors import DataError
from core.design.facts import MetricsRow
from storage import runs
from storage.database import Database
from storage.errors import NotFoundError
from storage.records import RunPublic, RunSummary
from storage.status import Status

#: The tag of runs that an experiment trains.
EXPERIMENT = "claim"


def own(listed: Sequence[RunSummary]) -> tuple[RunSummary, ...]:
    """Runs that the user started; those of an experiment belong to its paper."""
    return tuple(run for run in listed if EXPERIMENT not in run.tags)


def shown(db: Database) -> RunPublic | None:
    """The open run, else the newest that has ended by itself or by stop, else the newest that has trained.

    The user's own go before those of experiments. None without runs.

    A link to a run that is not there ends the page with a warning and another run to open: figures of that
    one under this link would be taken for those it was sent for.
    """
    opened = state.run_id()
    if opened is not None:
        try:
            return runs.get(db, opened)
        except NotFoundError as error:
            missing(error, newest(db))
            st.stop()
    found = newest(db)
    return None if found is None else runs.get(db, found.id)


def missing(error: NotFoundError, other: RunSummary | None) -> None:
    """The page of a run that is not there: why, and where to go."""
    with page.title_row():
        page.title("No such run")
    page.problems([("warning", str(error), "")])
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if other is not None:
            st.button(
                f"Show {page.plain(other.id)}", key="runs.other", on_click=state.open_run, args=(other.id,)
            )
        st.page_link(pages.page("runs"), label="See all runs", icon=":material/list:")
    page.command("python -m app runs")


def newest(db: Database) -> RunSummary | None:
    """The run that is shown where none is open; None without runs."""
    everything = runs.listing(db)
    listed = own(everything) or everything
    ended = [run for run in listed if run.status in {Status.DONE, Status.STOPPED}]
    begun = [run for run in listed if run.step]
    return next(iter([*ended, *begun, *listed]), None)


def choose(db: Database, run: RunPublic, key: str) -> None:
    """A select box with all runs that opens the one chosen."""
    listed = {entry.id: entry for entry in runs.listing(db)}

    def changed() -> None:
        state.open_run(st.session_state[key])

    if run.id in listed:
        # Another run may have been opened elsewhere on the page since the box was drawn.
        state.fill(key, run.id)
    st.selectbox(
        "Run",
        list(listed),
        format_func=lambda run_id: label(listed[run_id]) if run_id in listed else run_id,
        label_visibility="collapsed",
        width=300,
        key=key,
        on_change=changed,
    )


def label(run: RunSummary) -> str:
    """A run in a list: its id holds the name, so status and steps are added."""
    return f"{run.id} · {run.status.value}"


def domains(run: RunPublic, rows: Sequence[MetricsRow], wanted: int) -> list[str]:
    """Names of the `wanted` rows of each table that a training counts, in the order of the data.

    A window in which a domain had no label names fewer, so any row of the run that names all of them will do:
    an evaluation or another window. Else the data says it, and numbers where it is gone.
    """
    told = [list(record.held_out((row,))) for row in rows] + [list(row.domain_loss) for row in rows]
    for names in told:
        if len(names) == wanted:
            return names
    try:
        known = facts_of(run.data, str(data_root())).domains
    except DataError:
        known = ()
    return list(known) if len(known) == wanted else [f"domain {i}" for i in range(wanted)]
