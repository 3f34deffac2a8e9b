"""The tour on a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from components.assets import component

_HTML = '<div class="root tour"></div>'


def tour(
    steps: Sequence[tuple[str, str]],
    *,
    opens: bool,
    key: str,
    on_step: Callable[[int], None],
    here: int | None,
    closed: DeltaGenerator,
) -> None:
    """Steps of (title, words); `on_step` brings the page to one. `opens`: by itself, until it was seen.

    `here` is the step of what the page shows, None where no step is about it: who walks off by the page's own
    switches is followed, or left alone.

    A tour that nobody takes is a word in the row `closed`; one that is taken stands here.
    """

    def at() -> int | None:
        held = st.session_state.get(key) or {}
        step = held.get("step")
        if step is None and held.get("opened"):
            return 0
        return step if isinstance(step, int) and 0 <= step < len(steps) else None

    def stepped() -> None:
        step = at()
        if step is not None:
            on_step(step)

    held = at()
    shown = None if held is None else here
    data = {"steps": [list(step) for step in steps], "opens": opens, "name": key, "at": shown, "held": held}
    with closed if shown is None else st.container():
        component("tour", _HTML)(
            data=data,
            key=key,
            width="content" if shown is None else "stretch",
            on_step_change=stepped,
            on_opened_change=lambda: None,
        )
