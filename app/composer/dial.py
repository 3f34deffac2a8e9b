"""The size dial in the inspector: what the whole design becomes at another size, before it is applied."""

import re
from functools import lru_cache

import streamlit as st

from app import state
from app.composer.sentences import held
from app.guard import guarded
from components import page
from components.words import plural
from core.cost import format as fmt
from core.design.aim import aimed
from core.design.bodies.moe import Moe
from core.design.dial import Resize, even
from core.design.edits import apply
from core.design.problems import Problem
from core.design.spec import Design
from storage.database import Database

TURNS = (0.1, 0.125, 0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0, 8.0, 10.0)
AXES = ("width", "depth", "experts")
SAME = "At this size the design stays as it is."
MOST = 10**15
_LETTERS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9, "t": 10**12}
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([kmgbt]?)\s*(?:parameters)?", re.I)


def dial(db: Database) -> None:
    """One slider for all, one an axis, or a number to aim at; what comes of it; and the button."""
    desk = state.desk()
    design, sha = desk.design, desk.design.sha
    size = st.select_slider(
        "Size",
        TURNS,
        1.0,
        format_func=_times,
        key=f"dial:{sha}",
        help="Parameters times about so many. Width, depth and experts grow together: heads keep their"
        " width, hidden layers their ratio, tokens the share of experts they pick.",
    )
    with st.expander("Width, depth and experts apart", key=f"dial:apart:{sha}"):
        turns = {
            axis: st.select_slider(
                axis.capitalize(), TURNS, 1.0, format_func=_times, key=f"dial:{axis}:{sha}"
            )
            for axis in AXES
        }
    wanted = st.text_input("Or aim at parameters", placeholder="100 M", key=f"dial:aim:{sha}")
    number = parameters(wanted)
    if wanted.strip() and number is None:
        shown = page.plain(wanted[:40])
        st.caption(f"“{shown}” is no size. To fix this, write a number such as 100 M or 7 B.")
    edit = _edit(design, size, turns, number)
    told = preview(design, edit)
    st.caption(page.plain(held(told) or "Turn the dial to see what the design becomes."))
    st.button(
        "Apply",
        key="dial:apply",
        disabled=told in ("", SAME),
        on_click=_apply,
        args=(db, edit),
        width="stretch",
    )


@guarded
def _apply(db: Database, edit: Resize) -> None:
    state.desk().edit(db, edit)


def parameters(text: str) -> int | None:
    """`100 M` as 100 000 000; None for anything else, and for zero."""
    found = _SIZE.fullmatch(re.sub(r"\s+(?=\d)", "", text.strip()))
    if not found:
        return None
    number = round(float(found[1]) * _LETTERS[found[2].lower()])
    return number if 1 <= number <= MOST else None


@lru_cache(maxsize=64)
def preview(design: Design, edit: Resize) -> str:
    """`657.3 k → 1.2 M parameters: width 64 → 80, 6 → 7 layers`; "" where nothing is turned."""
    if edit.width == edit.depth == edit.experts == 1:
        return ""
    after = apply(design, edit)
    if isinstance(after, Problem):
        return str(after)
    if after == design:
        return SAME
    words = []
    if after.width != design.width:
        words.append(f"width {fmt.count(design.width)} → {fmt.count(after.width)}")
    if after.depth != design.depth:
        words.append(f"{design.depth} → {plural(after.depth, 'layer')}")
    before, now = _experts(design), _experts(after)
    if before != now:
        words.append(f"{before} → {plural(now, 'expert')}")
    sizes = f"{fmt.letters(design.parameters)} → {fmt.letters(after.parameters)} parameters"
    return f"{sizes}: {', '.join(words)}." if words else f"{sizes}."


def _experts(design: Design) -> int:
    """Experts of the largest MoE layer."""
    bodies = (placed.part.body for placed in design.parts())
    return max((body.count for body in bodies if isinstance(body, Moe)), default=0)


def _edit(design: Design, size: float, turns: dict[str, float], wanted: int | None) -> Resize:
    if wanted is not None:
        return even(_aimed(design, wanted), f"Size dial: about {fmt.letters(wanted)}")
    whole = even(size)
    said = [_times(size)] if size != 1 else []
    said += [f"{_times(turn)} {axis}" for axis, turn in turns.items() if turn != 1]
    return Resize(
        width=whole.width * turns["width"],
        depth=whole.depth * turns["depth"],
        experts=whole.experts * turns["experts"],
        label=f"Size dial: {', '.join(said)}",
    )


@lru_cache(maxsize=16)
def _aimed(design: Design, wanted: int) -> float:
    return aimed(design, wanted)


def _times(turn: float) -> str:
    return f"×{turn:g}"
