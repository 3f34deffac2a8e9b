"""The papers as cards, with their verdicts."""

import streamlit as st

from app import claiming, state
from app.composer.shelf import link
from app.views._papers import words
from components.papers.mount import PaperCard, catalogue
from core.papers.base import Paper
from core.papers.registry import AFTER_TRAINING, BASELINES, ROUTING
from storage.database import Database

GROUPS = (
    ("Ways to route", ROUTING),
    ("Trained models and experts: inference, surgery, serving, theory", AFTER_TRAINING),
    ("Baselines that claims are tested against", BASELINES),
)


def show(db: Database) -> None:
    """The cards; a click opens a paper."""
    opened = catalogue(cards(claiming.board(db)), key="papers.cards")
    if opened:
        state.open_paper(opened)
        st.rerun()


def cards(rows: tuple[claiming.Row, ...]) -> list[PaperCard]:
    """A card for each paper, with the verdicts of `rows`."""
    return [
        _card(paper, group, [row for row in rows if row.paper.name == paper.name])
        for group, papers in GROUPS
        for paper in papers
    ]


def _card(paper: Paper, group: str, rows: list[claiming.Row]) -> PaperCard:
    return PaperCard(
        key=paper.name,
        short=paper.short,
        title=paper.title,
        year=paper.year,
        source=paper.source,
        link=link(paper.source),
        claim=paper.claim,
        group=group,
        status=paper.status.capitalize(),
        chips=words.chips(paper, rows),
    )
