"""Named versions of a draft, and any two designs side by side."""

import time
from collections.abc import Sequence

import streamlit as st

from app import state
from app.comparing import changes, costs
from app.composer.desk import Desk, document, read
from app.composer.shelf import sizes
from app.designs import argument
from app.guard import guarded
from components import page
from components.words import plural
from core.cost.format import MISSING, ago
from core.design.diff.change import summary
from core.design.presets.registry import names, preset
from core.design.spec import Design
from storage import drafts
from storage.database import Database
from storage.errors import StorageError
from storage.records import Version

NOW = "now"
_MOST_NAME = 60
#: Designs that the comparison offers beside versions and presets, the last edited ones.
_MOST_DESIGNS = 50


def numbered(kept: tuple[Version, ...]) -> tuple[tuple[str, Version], ...]:
    """Versions of one draft, newest first, each with its short name: v1 is the oldest."""
    return tuple((f"v{len(kept) - n}", version) for n, version in enumerate(kept))


def where_we_are(kept: tuple[Version, ...], sha: str) -> str:
    """What the menu is called: the version that is shown, or the last one and that it was edited since."""
    if not kept:
        return "Versions"
    shown = next((short for short, version in numbered(kept) if version.sha == sha), None)
    return shown or f"v{len(kept)}, edited"


def title_of(short: str, version: Version) -> str:
    """`v3 'before experts'`."""
    return f"{short} '{version.name}'" if version.name else short


def versions_menu(db: Database, kept: tuple[Version, ...]) -> None:
    """Keep what is shown under a name; what was kept, newest first, and what can be done with it."""
    desk = state.desk()
    assert desk.draft is not None
    with st.form("keep", clear_on_submit=True, border=False):
        row = st.container(horizontal=True, vertical_alignment="bottom", gap="small", wrap=False)
        row.text_input(
            "Keep this version",
            key="keep.name",
            max_chars=_MOST_NAME,
            placeholder="A name, such as before experts",
        )
        row.form_submit_button("Keep", on_click=_keep, args=(db, desk))
    if not kept:
        page.small("Kept versions are listed here, each with what changed since.")
    with st.container(height=300 if len(kept) > 3 else "content", border=False, gap="small"):
        for short, version in numbered(kept):
            _version(db, desk, short, version)


def _version(db: Database, desk: Desk, short: str, version: Version) -> None:
    design = read(version.design)
    name = f"**{short}** {page.plain(version.name)}".strip()
    when = ago(time.time() - version.created_at)
    since = changes(design, desk.design)
    entry = st.container(gap=None)
    entry.markdown(
        f"{name}  :gray[:small[{when} · {sizes(design)}]]  \n"
        f":gray[:small[{'Since then: ' + page.plain(summary(since)) if since else 'Shown now'}]]"
    )
    with entry.container(horizontal=True, gap="small", wrap=False):
        if st.button("Compare", key=f"compare:{version.id}", type="tertiary"):
            compare(db, f"version:{version.id}")
        st.button(
            "Restore",
            key=f"restore:{version.id}",
            type="tertiary",
            disabled=not since,
            on_click=_restore,
            args=(db, desk, title_of(short, version), design),
        )
        st.button(
            "Branch",
            key=f"branch:{version.id}",
            type="tertiary",
            help="A new design from this version",
            on_click=_branch,
            args=(db, desk, short, design),
        )
        if st.button("Delete", key=f"delete:{version.id}", type="tertiary"):
            _delete(db, short, version)


@guarded
def _keep(db: Database, desk: Desk) -> None:
    assert desk.draft is not None
    name = " ".join(str(st.session_state.get("keep.name", "")).split())
    last = next(iter(drafts.versions(db, desk.draft.id)), None)
    # A click may call back twice.
    if last is None or (last.name, last.sha) != (name, desk.draft.sha):
        drafts.keep_version(db, name, document(desk.design), desk.draft.id)
    _close_menu(desk)


@guarded
def _restore(db: Database, desk: Desk, title: str, design: Design) -> None:
    """An edit like any other: undone by Undo, refused after a lost race. The design keeps its name."""
    desk.replace(db, design.model_copy(update={"name": desk.design.name}), f"Restore {title}")
    _close_menu(desk)


def menu_key(desk: Desk) -> str:
    """Of the menu of versions; another design starts with its menu closed."""
    assert desk.draft is not None
    return f"versions:{desk.draft.id}:{desk.menu}"


def _close_menu(desk: Desk) -> None:
    """What was asked for is done, and the next menu is another one.

    The browser knows an open menu by its key and its name: undo brings back the name, and would bring back
    the menu if the browser had not heard yet that it is closed.
    """
    desk.menu += 1


@guarded
def _branch(db: Database, desk: Desk, short: str, design: Design) -> None:
    name = f"{desk.design.name[:72]} {short}"
    state.open_design(drafts.create(db, document(design.model_copy(update={"name": name}))).id)


def _delete(db: Database, short: str, version: Version) -> None:
    """The one thing here that no undo brings back, so it asks."""

    @st.dialog(f"Delete {short}?")
    @guarded
    def ask() -> None:
        st.markdown(f"**{short}** {page.plain(version.name)} is deleted for good. The design stays as it is.")
        with st.container(horizontal=True, gap="small"):
            if st.button(f"Delete {short}"):
                drafts.remove_version(db, version.id)
                st.rerun()
            if st.button("Keep it", type="tertiary"):
                st.rerun()

    ask()


# ---- two designs side by side
@st.dialog("Compare", width="large")
@guarded
def compare(db: Database, before: str) -> None:
    """What differs between two designs, and what each costs."""
    desk = state.desk()
    assert desk.draft is not None
    choices = choose_from(db, desk)
    left, right = st.columns(2, gap="small")
    keys = list(choices)
    first = left.selectbox(
        "From", keys, keys.index(before) if before in keys else 0, choices.__getitem__, key=f"from:{before}"
    )
    second = right.selectbox("To", keys, keys.index(NOW), choices.__getitem__, key=f"to:{before}")
    try:
        x, y = (_chosen(db, desk, key) for key in (first, second))
    except StorageError as error:
        st.warning(page.plain(str(error)), icon=":material/warning:")
        return
    found = changes(x, y)
    page.head(summary(found) if found else "No difference", plural(len(found), "change"))
    if found:
        rows = [(c.where, c.name or c.kind, c.before or MISSING, c.after or MISSING) for c in found]
        st.table(_columns(rows, ("Where", "What", "Before", "After")), hide_index=True)
    rows = [(cost.label, *cost.texts) for cost in costs(x, y)]
    st.table(_columns(rows, ("Cost", "Before", "After", "Difference")), hide_index=True)
    page.command(f"python -m app diff {argument(x, 'BEFORE.json')[0]} {argument(y, 'AFTER.json')[0]}")


def first_choice(kept: tuple[Version, ...]) -> str:
    """What the design is compared with until something else is chosen: the last version, else the starter."""
    return f"version:{kept[0].id}" if kept else f"preset:{names()[0]}"


def choose_from(db: Database, desk: Desk) -> dict[str, str]:
    """Everything that can be compared by key: now, versions, presets, other designs."""
    assert desk.draft is not None
    kept = numbered(drafts.versions(db, desk.draft.id))
    others = [draft for draft in drafts.listing(db) if draft.id != desk.draft.id]
    return {
        NOW: "Now",
        **{f"version:{version.id}": f"{short} {version.name}".strip() for short, version in kept},
        **{f"preset:{name}": f"Preset: {preset(name).name}" for name in names()},
        **{f"design:{draft.id}": f"Design: {draft.name}" for draft in others[:_MOST_DESIGNS]},
    }


def _chosen(db: Database, desk: Desk, key: str) -> Design:
    kind, _, name = key.partition(":")
    if kind == "preset":
        return preset(name)
    if kind == "design":
        return read(drafts.get(db, name).design)
    if kind == "version":
        return read(drafts.version(db, name).design)
    return desk.design


def _columns(rows: Sequence[tuple[str, ...]], heads: tuple[str, ...]) -> dict[str, list[str]]:
    """Rows as columns whose words are shown as they are."""
    return {head: [page.plain(row[n]) for row in rows] for n, head in enumerate(heads)}
