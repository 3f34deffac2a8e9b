"""Export: a trained run taken away as a model that runs elsewhere."""

import streamlit as st

from app import state
from app.paths import data_root
from app.views import _runs
from app.views._empty import no_run
from app.views._export import show
from components import page
from storage import database
from storage.database import Database
from storage.records import RunPublic

EMPTY = (
    "A trained run can be taken away from here, as a model that runs elsewhere. Nothing has been trained yet."
)


def draw(db: Database, run: RunPublic) -> None:
    """The page of one run."""
    top = page.title_row()
    left, right = st.columns([1, 1.9], gap="small")
    with left:
        possible = show.options(db, run)
    with top:
        page.title(f"Export {run.name}", f"{run.id}, step {run.step}", run.status.value)
        _runs.choose(db, run, "export.run")
        st.button(
            page.primary("Export", possible),
            type="primary",
            key="export.start",
            disabled=not possible,
            on_click=show.start,
            args=(run.id, show.request()),
        )
    if message := state.take_message():
        page.problems([("error", message, "")])
    with right:
        show.results(run.id)
    page.command(f"python -m app export {run.id} --to onnx --out model.onnx")


db = database.open(data_root())
run = _runs.shown(db)
if run is None:
    no_run("Export", EMPTY)
else:
    draw(db, run)
