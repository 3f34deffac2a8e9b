"""All claims in one table."""

import streamlit as st

from app import state
from app.claiming import board as read
from app.guard import guarded
from app.views._papers import words
from components import page
from components.papers.mount import board
from storage.database import Database

POLL_SECONDS = 2.0


def show(db: Database) -> None:
    """The board, redrawn while something is measured."""
    live = any(row.activity for row in read(db))
    st.fragment(_board, run_every=POLL_SECONDS if live else None)(db)


@guarded
def _board(db: Database) -> None:
    rows = read(db)
    with page.card():
        page.head(
            words.board_finding(rows),
            "Dashed: the threshold of each claim. Dot and line: mean and 95\u2009% interval, each row on"
            " its own scale; to the right is as claimed. Open a paper for all that it expects.",
        )
        lines = [words.board_row(row) for row in rows]
        opened = board(lines, "Claims of papers and what was measured here", key="papers.board")
    if opened:
        state.open_paper(opened)
        st.rerun()
