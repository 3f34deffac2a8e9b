"""The cells on a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import streamlit as st

from components.assets import component

_HTML = '<div class="root tokens"></div>'


@dataclass(frozen=True)
class Cell:
    """`text` above `below`; `kind` picks hue and line (-1: none); `said` is what a screen reader says.

    `ends`: the line ends behind it. `off`: crossed out, as for a token that no expert took.
    """

    text: str
    below: str
    kind: int
    said: str
    ends: bool = False
    off: bool = False


def tokens(
    cells: Sequence[Cell],
    *,
    label: str,
    selected: int,
    key: str,
    wide: bool = False,
    on_pick: Callable[[int], None] | None = None,
) -> None:
    """Draw `cells` as a list to choose one from by mouse or arrow keys; `on_pick(position)` is told.

    `wide` cells are for words. Where arrow keys walk, a pick is told once they rest.
    """

    def picked() -> None:
        at = (st.session_state.get(key) or {}).get("token")
        if on_pick and isinstance(at, int) and 0 <= at < len(cells):
            on_pick(at)

    data = {"cells": [asdict(cell) for cell in cells], "label": label, "selected": selected, "wide": wide}
    component("tokens", _HTML)(data=data, key=key, on_token_change=picked)
