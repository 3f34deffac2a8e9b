"""Five steps through the Routing page, from the whole run down to one expert taken away."""

from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import state
from app.record import read_design
from app.views._routing import sections
from app.views._routing.layer import PANEL
from app.views._routing.shown import Shown
from components.tour.mount import tour
from core.design.presets.registry import names, preset


@dataclass(frozen=True)
class Step:
    """Where it leads, and what is said there."""

    section: str
    title: str
    words: str
    panel: str | None = None


STEPS = (
    Step(
        "Overview",
        "Where tokens went.",
        "Rows are layers, columns experts: the darker, the more of the layer's picks. The mark in the legend"
        " is a fair share. Click a cell to look at one expert.",
    ),
    Step(
        "Over training",
        "How it came about.",
        "Press Play, or walk with the arrow keys on the slider. Choose a domain to watch its experts appear.",
    ),
    Step(
        "Layer",
        "Is it more than chance?",
        "Dots mark cells that shuffled labels do not reach. Every panel says its level of chance, and what to"
        " mistrust.",
        "Who goes where",
    ),
    Step(
        "Tokens",
        "Down to a token.",
        "Type a text and see which expert took each byte, how sure the router was and what the expert added.",
    ),
    Step(
        "What if",
        "Take an expert away.",
        "Turn an expert off and see which domain pays for it, against others that are as busy.",
    ),
)


def show(shown: Shown, section: str, closed: DeltaGenerator) -> None:
    """The tour at the step of the section that is shown; it opens by itself on a run of the starter.

    `closed`: the row it stands in while nobody takes it.
    """
    if shown.routed is None or not shown.routed.layers:
        return
    starter = read_design(shown.run.design).sha == preset(names()[0]).sha
    words = [(step.title, step.words) for step in STEPS]
    here = next((i for i, step in enumerate(STEPS) if step.section == section), None)
    tour(words, opens=starter, key="routing.tour", on_step=_lead, here=here, closed=closed)


def _lead(index: int) -> None:
    step = STEPS[index]
    if st.session_state.get(sections.KEY) == step.section:
        # The page is there already, and on whichever panel was chosen.
        return
    state.fill(sections.KEY, step.section)
    if step.panel is not None:
        state.fill(PANEL, step.panel)
