"""The table on a page."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from components.assets import component

_HTML = '<div class="root fit"></div>'


@dataclass(frozen=True)
class Cell:
    """Whether it fits, in how much, and a second line; `chosen` is what the page shows in full."""

    kind: Literal["fits", "tight", "not", "none"]
    text: str
    below: str
    chosen: bool = False


@dataclass(frozen=True)
class Row:
    """A device, a note on it, and one cell for each column."""

    name: str
    note: str
    cells: tuple[Cell, ...]


def fit_table(columns: Sequence[str], rows: Sequence[Row], said: str, *, key: str) -> None:
    """Draw the table; `said` is its caption for those who hear it."""
    data = {"columns": list(columns), "rows": [asdict(row) for row in rows], "said": said}
    component("fit", _HTML)(key=key, data=data)
