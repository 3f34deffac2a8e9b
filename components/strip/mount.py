"""The strip on a page."""

from collections.abc import Sequence
from dataclasses import asdict

from components.assets import component
from components.strip.cells import Cell

_HTML = '<div class="root strip" role="region" aria-label="Cost of this design"></div>'


def strip(cells: Sequence[Cell], last: Sequence[str], *, key: str) -> None:
    """Draw the cells; `last` is a heading and lines about the last edit. Belongs in st.bottom."""
    component("strip", _HTML)(key=key, data={"cells": [asdict(cell) for cell in cells], "last": list(last)})
