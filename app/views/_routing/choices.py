"""What is looked at: domain, layer, expert. The same choice on every section, and in the address."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from app import state
from app.routed import Routed

SECTION = "routing.section"
DOMAIN, LAYER, EXPERT = "routing.domain", "routing.layer", "routing.expert"
ALL = "All"
#: More names than this go into a select box.
MOST_SEGMENTS = 6


def switch(label: str, titles: Sequence[str], key: str) -> int:
    """Segments that the address remembers; the position of the chosen one, at first the first."""
    chosen = st.segmented_control(
        label,
        titles,
        default=titles[0],
        required=True,
        label_visibility="collapsed",
        key=key,
        width="content",
        bind="query-params",
    )
    return titles.index(chosen or titles[0])


def domain(names: Sequence[str]) -> str:
    """Segments for a few domains, a select box for many; `ALL` where there is one."""
    options = [ALL, *names]
    if len(names) < 2:
        return ALL
    if len(names) > MOST_SEGMENTS:
        return st.selectbox(
            "Domain",
            options,
            label_visibility="collapsed",
            key=DOMAIN,
            width=180,
            bind="query-params",
        )
    chosen = st.segmented_control(
        "Domain",
        options,
        default=ALL,
        required=True,
        label_visibility="collapsed",
        key=DOMAIN,
        width="content",
        bind="query-params",
    )
    return chosen or ALL


def layer(routed: Routed) -> int:
    """The position of the chosen layer among those that select; at first the most specialized one."""
    paths = [figures["path"] for figures in routed.layers]
    path = st.selectbox(
        "Layer",
        paths,
        index=most_special(routed),
        format_func=lambda path: said(routed, path),
        label_visibility="collapsed",
        width=112,
        key=LAYER,
        bind="query-params",
    )
    return paths.index(path)


def said(routed: Routed, path: str) -> str:
    """A layer in the select box and in the address."""
    return routed.names.get(path, path).capitalize()


def numbered(index: int) -> str:
    """An expert there."""
    return f"Expert {index}"


def expert(routed: Routed) -> int:
    """The chosen expert of the chosen layer."""
    at = [figures["path"] for figures in routed.layers].index(st.session_state[LAYER])
    experts = len(routed.layers[at]["load"])
    if (st.session_state.get(EXPERT) or 0) >= experts:
        state.fill(EXPERT, 0)
    return st.selectbox(
        "Expert",
        list(range(experts)),
        format_func=numbered,
        label_visibility="collapsed",
        width=112,
        key=EXPERT,
        bind="query-params",
    )


def mark(run_id: str) -> str:
    """What tells this choice from another one, once the switches are drawn."""
    chosen = (st.session_state.get(key) for key in (SECTION, DOMAIN, LAYER, EXPERT))
    return "routing ".join([run_id, *map(str, chosen)])


def most_special(routed: Routed) -> int:
    """The position of the layer whose experts tell most of the domain."""
    values = [figures["specialization"] or 0.0 for figures in routed.layers]
    return int(np.argmax(values)) if values else 0
