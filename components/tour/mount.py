"""The tour on a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from components.assets import component

_HTML = '<div class="root tour"></div>'


def tour(steps: Sequence[tuple[str, str]], *, opens: bool, key: str, on_step: Callable[[int], None]) -> None:
    """Steps of (title, words); `on_step` brings the page to one. `opens`: by itself, until it was seen."""

    def at() -> int | None:
        step = (st.session_state.get(key) or {}).get("step")
        return step if isinstance(step, int) and 0 <= step < len(steps) else None

    def stepped() -> None:
        step = at()
        if step is not None:
            on_step(step)

    data = {"steps": [list(step) for step in steps], "opens": opens, "name": key, "at": at()}
    component("tour", _HTML)(data=data, key=key, on_step_change=stepped)
