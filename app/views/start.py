"""Start: three ways into a design, what others have published, and what was open last."""

import streamlit as st

from app import pages, state, text
from app.composer import shelf
from app.composer.desk import document, pasted
from app.paths import data_root
from components import page
from components.gallery.mount import gallery, picture
from core.design.presets.registry import preset
from storage import database, drafts


def main() -> None:
    """The page."""
    db = database.open(data_root())
    st.title(text.START_TITLE, anchor=False, width=760)
    first, second, third = st.columns(3, gap="small")
    with first, page.card():
        starter(db)
    with second, page.card():
        published(db)
    with third, page.card():
        own(db)
    every = shelf.cards("published")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader("Published architectures", anchor=False, width="content")
        st.caption(text.FINGERPRINTS, width="content")
        st.space("stretch")
        more = st.toggle(f"All {len(every)}", key="start.all")
    chosen = gallery(every if more else every[:4], key="gallery")
    recent(db)
    page.command("python -m app presets", "python -m app cost starter")
    if chosen:
        open_preset(db, chosen)


def starter(db: database.Database) -> None:
    """One click to a design that trains."""
    name = shelf.names("starter")[0]
    design = preset(name)
    page.head("Start from a working one", shelf.describe_starter(design))
    picture(design, f"{design.name}: {shelf.note(design)}", key="print-starter")
    if st.button(page.primary("Open the starter"), type="primary", width="stretch"):
        open_preset(db, name)


def published(db: database.Database) -> None:
    """The other starters and the published ones by name."""
    page.head("Take one the world has published", text.PUBLISHED)
    design = preset("deepseek-v3")
    picture(design, f"{design.name}: {shelf.note(design)}", key="print-published")
    every = [name for kind in ("published", "starter") for name in shelf.names(kind)]
    chosen = st.selectbox(
        "Architecture",
        every,
        index=None,
        format_func=lambda name: preset(name).name,
        placeholder="Choose one by name",
        label_visibility="collapsed",
    )
    if chosen:
        open_preset(db, chosen)


def own(db: database.Database) -> None:
    """A design file or pasted JSON."""
    page.head("Bring your own", text.OWN)
    upload = st.file_uploader("Design file", type="json", label_visibility="collapsed", max_upload_size=4)
    with st.popover("Paste JSON", width="stretch"):
        typed = st.text_area("Design as JSON", height=200, key="start.pasted")
        pressed = st.button("Open it", disabled=not typed.strip())
    content = upload.getvalue().decode("utf-8", errors="replace") if upload else typed if pressed else ""
    if content:
        result = pasted(content)
        if isinstance(result, str):
            st.error(page.plain(result), icon=":material/error:")
        else:
            state.leave_message("\n\n".join(page.plain(note) for note in result.notes))
            open_draft(drafts.create(db, document(result.design)).id)


def recent(db: database.Database) -> None:
    """Designs of this studio, the last edited first."""
    st.subheader("Recent designs", anchor=False)
    found = drafts.listing(db)[:20]
    if not found:
        st.markdown(text.NO_DESIGNS)
        return
    event = st.dataframe(
        shelf.table(found),
        hide_index=True,
        row_height=30,
        on_select="rerun",
        selection_mode="single-row",
        key="recent",
        alt="Designs of this studio with their size and when they changed",
    )
    left, right = st.columns([1, 3], vertical_alignment="bottom")
    names = {draft.id: draft.name for draft in found}
    rows = event.selection["rows"]
    chosen = left.selectbox(
        "Design to open",
        list(names),
        index=rows[0] if rows and rows[0] < len(found) else 0,
        format_func=lambda i: names[i],
        label_visibility="collapsed",
    )
    if right.button("Open this design"):
        open_draft(chosen)


def open_preset(db: database.Database, name: str) -> None:
    """A new draft of a preset."""
    open_draft(drafts.create(db, document(preset(name))).id)


def open_draft(draft_id: str) -> None:
    """On to the Design page."""
    state.open_design(draft_id)
    st.switch_page(pages.page("design"))


main()
