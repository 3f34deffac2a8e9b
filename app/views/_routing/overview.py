"""Overview: where the held-out tokens went at the end, by layer and expert, and one expert closely."""

from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.record import expert_kinds
from app.routed import Routed
from app.views._routing import cards, choices, soft
from app.views._routing.empty import no_trace
from app.views._routing.shown import Shown
from components import page


def commands(shown: Shown) -> tuple[str, ...]:
    """What tells the same on the command line."""
    return (f"python -m app routing {shown.run.id} --json",)


def show(shown: Shown, controls: DeltaGenerator) -> None:
    """Layers that select experts, then those that mix them."""
    routed = shown.routed
    if routed is None or not (routed.layers or routed.soft):
        no_trace(shown)
        return
    with controls:
        domain = choices.domain(routed.trace.domains)
    if routed.layers:
        draw(routed, domain, expert_kinds(shown.run.design))
    if routed.soft:
        draw_soft(routed, domain)


def draw_soft(routed: Routed, domain: str) -> None:
    """Shares of experts, by layer and by domain, where nothing is selected."""
    left, right = st.columns(2, gap="small")
    with left:
        soft.shares(routed, domain)
    with right:
        soft.domains(routed)


def draw(routed: Routed, domain: str, kinds: Mapping[str, Sequence[str]]) -> None:
    """Where tokens go, by layer and expert, and one expert closely."""
    left, right = st.columns([1.72, 1], gap="small")
    lower_left, lower_right = st.columns([1, 1.55], gap="small")
    with lower_right, page.card():
        body = st.container()
        with body, st.container(horizontal=True, vertical_alignment="top", gap="small"):
            words = st.container(width="stretch")
            cell = choices.layer(routed), choices.expert(routed)
    with left:
        cards.loads(routed, domain, cell, kinds)
    with right:
        cards.specialization(routed)
    with lower_left:
        cards.domains(routed, cell, kinds)
    with body:
        cards.drill(routed, cell, domain, words, kinds)
