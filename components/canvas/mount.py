"""The drawing on a page."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from components.assets import component
from components.canvas.layout import COLUMNS, GUTTER
from components.canvas.ops import Acked
from components.canvas.palette import palette
from components.canvas.picture import Picture
from components.words import plural
from core.design.problems import Problem

_HTML = """
<div class="root canvas" role="group" aria-label="Drawing of the design">
  <div class="palette" role="toolbar" aria-label="Add a part" aria-orientation="vertical"></div>
  <div class="main">
    <div class="tools" role="toolbar" aria-label="View"></div>
    <div class="stage"><div class="room"></div><div class="world" role="group" aria-label="Layers">
      <svg class="wires" aria-hidden="true"></svg><div class="boxes"></div>
      <div class="over" aria-hidden="true"></div></div></div>
    <svg class="mini" aria-hidden="true"></svg>
    <div class="toast"></div>
  </div>
  <dialog class="finder" aria-label="Every act by name">
    <input type="text" role="combobox" aria-label="Act" aria-controls="commands" aria-expanded="true"
      aria-autocomplete="list" autocomplete="off" spellcheck="false"
      placeholder="Add, move, undo, colour, save">
    <div id="commands" class="commands" role="listbox" aria-label="Acts"></div>
    <p class="none">No act has these words in its name.</p>
  </dialog>
  <dialog class="sheet" aria-labelledby="sheet-title"></dialog>
  <div class="sr live" role="status" aria-live="polite"></div>
</div>
"""


def canvas(
    picture: Picture,
    *,
    key: str,
    selected: str,
    column: int,
    height: int,
    acked: Acked,
    on_outbox: Callable[[Any], None],
    problems: Sequence[Problem] = (),
    said: str = "",
    draft: str = "",
    name: str = "design",
    heat: str = "",
    heats: Sequence[Mapping[str, str]] = (),
    clip: bool = False,
) -> None:
    """Draw `picture`; before the page runs again, `on_outbox` gets what the hand did, for `ops.unseen`.

    Two runs of a page may overlap, so it must do each act once by itself. `said` is read out by a screen
    reader when it changes.

    Args:
        column, height: what the picture and the form beside it are made for; the browser asks for others.
        draft: what the browser remembers zoom and place under.
        name: of the files that the drawing is saved as.
        heat: the quantity that colours the drawing, a key of `heats`; empty for none.
        heats: each with `key`, `name` and `off`, the reason why it cannot be shown, or empty.
        clip: whether there is something to paste.
    """

    def take() -> None:
        on_outbox(st.session_state[key].get("outbox"))

    data: dict[str, Any] = {
        "picture": picture.as_json(),
        "selected": selected,
        "column": column,
        "height": height,
        "columns": list(COLUMNS),
        "gutter": GUTTER,
        "palette": palette(),
        "ack": acked.as_json(),
        "problems": _summary(problems),
        "said": said,
        "draft": draft,
        "name": name,
        "heat": heat,
        "heats": list(heats),
        "clip": clip,
    }
    component("canvas", _HTML)(key=key, data=data, on_outbox_change=take)


def _summary(problems: Sequence[Problem]) -> dict[str, str] | None:
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    words = [plural(n, noun) for n, noun in ((errors, "error"), (warnings, "warning")) if n]
    return {"worst": "error" if errors else "warning", "text": ", ".join(words)} if words else None
