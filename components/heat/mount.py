"""The heat map on a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from components.assets import component

_HTML = '<div class="root heat"></div>'


def heat(data: dict[str, Any], *, key: str, on_pick: Callable[[int, int], None] | None = None) -> None:
    """Draw `grid(...)`. A click on a cell calls `on_pick(row, expert)`; select boxes must offer the same."""

    def picked() -> None:
        cell = (st.session_state.get(key) or {}).get("cell")
        if on_pick and isinstance(cell, list) and len(cell) == 2 and all(isinstance(i, int) for i in cell):
            on_pick(cell[0], cell[1])

    component("heat", _HTML)(data=data | {"picks": on_pick is not None}, key=key, on_cell_change=picked)
