"""What every page is made of: title row, card, chart with its table, foot. Text of users is shown as text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from components.charts import palette
from components.charts.base import Drawing, framed
from components.save.mount import save, slug

_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])")
#: Within what Streamlit draws as an icon, an arrow or a link wherever it stands in the text, escaped or not.
_DRAWN = re.compile(
    r"(?<=:)(?=material/|streamlit:|//)|(?<=www)(?=\.)|(?=@)|(?<=[<\->=~])(?=[\->=])", re.IGNORECASE
)
#: Nothing to see; it parts the text before and after it.
_PARTED = ":small[]"

_BLANKS = re.compile(r"[ \t\r\n\f\v]+")

#: Of a run, job or paper: icon and colour of its badge. The word itself is always beside them.
BADGES: Mapping[str, tuple[str, Literal["gray", "blue", "green", "red", "orange"]]] = {
    "queued": (":material/schedule:", "gray"),
    "running": (":material/play_arrow:", "blue"),
    "pausing": (":material/pause:", "blue"),
    "paused": (":material/pause:", "gray"),
    "stopping": (":material/stop:", "blue"),
    "done": (":material/check:", "green"),
    "stopped": (":material/stop:", "gray"),
    "failed": (":material/error:", "red"),
    "lost": (":material/warning:", "orange"),
    "built": (":material/check:", "green"),
    "planned": (":material/schedule:", "gray"),
}


def plain(text: str) -> str:
    """A user's words for a place that reads Markdown: shown as they are, on one line."""
    # Thin spaces are ours and stay.
    line = _BLANKS.sub(" ", text).strip()
    return _PARTED.join(_MARKUP.sub(r"\\\1", piece) for piece in _DRAWN.split(line))


def title_row() -> DeltaGenerator:
    """The row at the top of a page: title, badge, caption, `st.space("stretch")`, buttons."""
    return st.container(horizontal=True, vertical_alignment="center", gap="small")


def title(text: str, note: str = "", status: str | None = None) -> None:
    """The page's one heading, what state it is in, and a line on what it shows."""
    st.title(plain(text), anchor=False, width="content")
    if status is not None:
        icon, color = BADGES[status]
        st.badge(status.capitalize(), icon=icon, color=color)
    if note:
        st.caption(plain(note), width="content")
    st.space("stretch")


def run_line(name: str, status: str) -> None:
    """A run in a card: its name and its state."""
    icon, color = BADGES[status]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{plain(name)}**", width="content")
        st.badge(status.capitalize(), icon=icon, color=color)


def card() -> DeltaGenerator:
    """A bordered container as high as its neighbours."""
    return st.container(border=True, height="stretch", gap="small")


def head(finding: str, note: str = "") -> None:
    """A card's title is a sentence; its note says what is plotted and how to read it."""
    st.markdown(f"**{plain(finding)}**" + (f"  \n:gray[:small[{plain(note)}]]" if note else ""))


def primary(label: str, ready: bool = True) -> str:
    """The label of a primary button: the accent of the dark theme is bright, so its ink is the paper's.

    A button that is not `ready` has no accent, and its words would not be seen.
    """
    if palette.theme() != "dark" or not ready:
        return label
    return f':color[{label}]{{foreground="{palette.current().paper}"}}'


def card_head(finding: str, note: str, name: str, frame: Callable[[], pd.DataFrame], key: str) -> None:
    """A card's finding, its note, and beside them the table of `name` and its picture, one click away."""
    with st.container(gap=None):
        with st.container(horizontal=True, vertical_alignment="top", gap="small", wrap=False):
            with st.container(width="stretch"):
                head(finding)
            table(name, frame, key)
            save(name, key=f"{key}.save")
        # Below the buttons it has the width of the card: beside them it would be a column of short lines.
        if note:
            small(note)


def small(text: str) -> None:
    """A quiet line."""
    st.markdown(f":gray[:small[{plain(text)}]]", width="content")


def chart(drawing: Drawing, finding: str, *, height: int, key: str) -> None:
    """An altair chart whose alternative text is its finding; drawn as SVG, so that it is saved as one."""
    shown = framed(drawing, palette.current(), height)
    shown = shown.properties(usermeta={"embedOptions": {"renderer": "svg"}})
    st.altair_chart(shown, alt=finding, key=key)


def table(name: str, frame: Callable[[], pd.DataFrame] | pd.DataFrame, key: str) -> None:
    """The numbers of a chart, one click away, as a table and as CSV; sent only once they are asked for."""
    place = st.popover(
        "Table", icon=":material/table:", type="tertiary", key=f"{key}.table", on_change="rerun"
    )
    if not place.open:
        return
    with place:
        rows = frame() if callable(frame) else frame
        st.dataframe(rows, hide_index=True, key=f"{key}.rows", alt=f"Table of {name}")
        st.download_button(
            "Download CSV",
            csv(rows),
            f"{slug(name)}.csv",
            "text/csv",
            icon=":material/download:",
            key=f"{key}.csv",
            on_click="ignore",
        )


def csv(rows: pd.DataFrame) -> bytes:
    """Rows as CSV that no spreadsheet takes for formulas."""
    safe = rows.map(lambda cell: f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+-@\t\r" else cell)
    return bytes(safe.to_csv(index=False).encode())


def command(*lines: str) -> None:
    """The foot of a page: the commands that do the same."""
    st.code("\n".join(lines), language=None)


def problems(messages: Sequence[tuple[str, str, str]]) -> None:
    """Sentences with their sign: (severity, message, fix)."""
    for severity, message, fix in messages:
        icon, color = (":material/error:", "red") if severity == "error" else (":material/warning:", "orange")
        st.markdown(f":{color}[{icon}] {plain(message)} :gray[{plain(fix)}]")


def folded(label: str, key: str) -> Any:
    """An expander to fill only while it is `open`: what it hides is neither sent nor drawn at each edit."""
    return st.expander(label, key=key, on_change="rerun")
