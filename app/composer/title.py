"""The row above the drawing: name and its menu, saved when, undo and redo, compare, share, the way on."""

import time
from collections.abc import Callable

import streamlit as st

from app import pages, state
from app.composer import history, opening
from app.composer.desk import Desk
from app.composer.share import share_menu
from app.guard import guarded
from components import page
from components.canvas.ops import MOST_TEXT
from components.words import plural
from core.cost.format import ago
from core.design.edit import Edit
from core.design.presets.registry import names, preset
from core.design.problems import Problem
from storage import drafts
from storage.database import Database
from storage.records import Version

#: Letters of a name that leave room for the row's buttons in the narrowest tested window.
_MOST_SHOWN = 32


def title_row(db: Database, problems: tuple[Problem, ...], blocked: int) -> None:
    """Draw the row. `blocked` counts the errors that stand in the way of training."""
    desk = state.desk()
    assert desk.draft is not None
    kept = drafts.versions(db, desk.draft.id)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        name = desk.design.name
        short = name if len(name) <= _MOST_SHOWN else f"{name[: _MOST_SHOWN - 1].rstrip()}…"
        whole = None if short == name else page.plain(name)
        st.title(page.plain(short), anchor=False, width="content", help=whole)
        _menu(db, kept)
        st.caption(f"Saved {_since(desk.draft.updated_at)}", width="content")
        st.space("stretch")
        _problems(db, problems)
        _step("Undo", desk.draft.undo, "undo", lambda: desk.undo(db))
        _step("Redo", desk.draft.redo, "redo", lambda: desk.redo(db))
        if st.button("Compare", icon=":material/difference:", type="tertiary"):
            history.compare(db, history.first_choice(kept))
        share_menu()
        go = st.button(
            page.primary("Train this design"),
            type="primary",
            help=f"{plural(blocked, 'problem')} to fix before it can be trained" if blocked else None,
        )
    if go:
        state.open_design(desk.draft.id)
        st.switch_page(pages.page("train"))


def _since(at: float) -> str:
    seconds = time.time() - at
    return "just now" if seconds < 2 else ago(seconds)


def _step(name: str, label: str | None, icon: str, act: Callable[[], None]) -> None:
    st.button(
        name,
        icon=f":material/{icon}:",
        type="tertiary",
        disabled=label is None,
        on_click=guarded(act),
        help=page.plain(f"{name}: {label}") if label else None,
    )


def _problems(db: Database, problems: tuple[Problem, ...]) -> None:
    """Every problem in words with the buttons that mend it."""
    if not problems:
        return
    desk = state.desk()
    worst = "error" if any(p.severity == "error" for p in problems) else "warning"
    with st.popover(
        plural(len(problems), "problem"),
        icon=f":material/{worst}:",
        width="content",
    ):
        for i, problem in enumerate(problems):
            sign = "error" if problem.severity == "error" else "warning"
            when = "" if problem.stage == "design" else f" :gray[Before it can be {_past(problem.stage)}.]"
            st.markdown(f":material/{sign}: {page.plain(str(problem))}{when}")
            with st.container(horizontal=True, gap="small"):
                for j, edit in enumerate(problem.edits):
                    st.button(
                        page.plain(edit.label) or "Fix it",
                        key=f"fix:{i}:{j}",
                        on_click=_mend,
                        args=(db, desk, edit.model_copy(update={"revision": desk.design.sha})),
                    )


@guarded
def _mend(db: Database, desk: Desk, edit: Edit) -> None:
    """Do what the button of a problem says."""
    desk.edit(db, edit)


def _past(stage: str) -> str:
    return {"cost": "costed", "train": "trained"}.get(stage, "exported")


def _menu(db: Database, kept: tuple[Version, ...]) -> None:
    """Versions, and below them the rest. Filled only when it is opened: its differences take time."""
    desk = state.desk()
    assert desk.draft is not None
    menu = st.popover(
        history.where_we_are(kept, desk.draft.sha),
        width="content",
        key=history.menu_key(desk),
        on_change="rerun",
    )
    if menu.open:
        with menu:
            history.versions_menu(db, kept)
            with st.expander("Rename, duplicate, new"):
                _file(db)


def _file(db: Database) -> None:
    desk = state.desk()
    assert desk.draft is not None
    typed = st.text_input("Name", value=desk.design.name, max_chars=80, key=f"name:{desk.design.name}")
    if (name := typed.strip()) and name != desk.design.name:
        renamed = desk.design.model_copy(update={"name": name})
        # Refused after a lost race, it would be refused at each rerun.
        if desk.replace(db, renamed, f"Rename to {name}"):
            st.rerun()
    chosen = st.selectbox(
        "New from a preset",
        names(),
        index=None,
        format_func=lambda n: preset(n).name,
        placeholder="Choose one",
        # The page stays the same and would keep the choice, and open it again and again.
        key=f"preset:{desk.draft.id}",
    )
    if chosen:
        opening.open_new(db, preset(chosen))
    if st.button("Duplicate", icon=":material/content_copy:", width="stretch"):
        copy = desk.design.model_copy(update={"name": f"{desk.design.name[:72]} copy"})
        opening.open_new(db, copy)
    _paste(db)


def _paste(db: Database) -> None:
    text = st.text_area("Design as JSON", height=100, max_chars=MOST_TEXT, key="pasted")
    if st.button("Open as a new design", disabled=not text.strip(), width="stretch"):
        opening.open_text(db, text)
