"""Every built-in source. A new one is a file in `builtin` and a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from core.data.base import Dataset
from core.data.builtin.digits import open_digits
from core.data.builtin.tables import TABLES, open_table
from core.data.builtin.text import open_text
from core.design.facts import DataFacts, DataKind


@dataclass(frozen=True)
class Source:
    """Something to train on, known without reading it. `facts` are there for stored data sets only."""

    name: str
    title: str
    kind: DataKind
    summary: str
    open: Callable[[], Dataset]
    facts: DataFacts | None = None


BUILT_IN: tuple[Source, ...] = (
    Source("text", "Five kinds of text", "text", "English, Python, C++, arithmetic, tables", open_text),
    Source("digits", "Handwritten digits", "image", "1,797 images, 8 x 8 px, three questions", open_digits),
    *(
        Source(f"table:{name}", title, "table", summary, partial(open_table, name))
        for name, (title, summary) in TABLES.items()
    ),
)
