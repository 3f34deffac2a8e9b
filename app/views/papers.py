"""Papers: what each claims, and what came out here."""

import streamlit as st

from app import state
from app.paths import data_root
from app.views._papers import board, catalogue, one
from components import page
from core.papers.registry import UnknownPaperError, paper, papers
from storage import database
from storage.database import Database

CATALOGUE, CLAIMS = "Papers", "Claims"
NOTE = "What each method claims, and what came out here at small scale. Claims are shown as they came out."


def everything(db: Database) -> None:
    """All papers as cards, or all claims as a table."""
    with page.title_row():
        page.title("Papers", NOTE)
        shown = st.segmented_control(
            "Show", [CATALOGUE, CLAIMS], default=CATALOGUE, key="papers.shown", label_visibility="collapsed"
        )
    (board if shown == CLAIMS else catalogue).show(db)
    page.command("python -m app papers", f"python -m app papers {papers()[0].name}")


def main() -> None:
    """The paper that the address names, or all of them."""
    db = database.open(data_root())
    name = state.paper_name()
    if name is None:
        everything(db)
        return
    try:
        chosen = paper(name)
    except UnknownPaperError as error:
        state.open_paper(None)
        # The names that the error lists stand below as cards.
        what = str(error).partition(" To fix this")[0]
        page.problems([("error", f"{what} To fix this, open one of the papers below.", "")])
        everything(db)
        return
    one.show(db, chosen)


main()
