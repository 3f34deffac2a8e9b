"""Start: three ways into a design, what others have published, and what was open last."""

import streamlit as st

from app import pages, text
from app.composer import opening, shelf
from app.paths import data_root
from components import page
from components.gallery.mount import gallery, picture
from core.design.huggingface.registry import FAMILIES
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
        published()
    with third, page.card():
        own(db)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader("Published architectures", anchor=False, width="content")
        st.caption(text.FINGERPRINTS, width="content")
        st.space("stretch")
        st.page_link(
            pages.page("gallery"),
            label=f"All {len(shelf.names('published'))}",
            icon=":material/arrow_forward:",
        )
    chosen = gallery(shelf.shown(), key="gallery")
    recent(db)
    page.command("python -m app presets", "python -m app cost starter")
    if chosen:
        opening.open_card(db, chosen)


def starter(db: database.Database) -> None:
    """One click to a design that trains."""
    name = shelf.names("starter")[0]
    design = preset(name)
    page.head("Start from a working one", shelf.describe_starter(design))
    picture(design, f"{design.name}: {shelf.note(design)}", key="print-starter")
    with st.container(horizontal=True, gap="small", wrap=False):
        if st.button(page.primary("Open the starter"), type="primary", width="stretch"):
            opening.open_new(db, design)
        if st.button("Blank canvas", help="No layers yet: draw them yourself", width="stretch"):
            opening.open_new(db, preset("blank"))


def published() -> None:
    """The way to the gallery, and one of it as a picture."""
    architectures = len(shelf.names("published"))
    page.head("Take one the world has published", text.PUBLISHED.format(architectures))
    design = preset("deepseek-v3")
    picture(design, f"{design.name}: {shelf.note(design)}", key="print-published")
    if st.button(f"Browse {architectures} architectures", width="stretch"):
        st.switch_page(pages.page("gallery"))


def own(db: database.Database) -> None:
    """A design file, a drawing that holds its design, or pasted JSON."""
    page.head("Bring your own", text.OWN)
    upload = st.file_uploader(
        "Design file", type=["json", "svg"], label_visibility="collapsed", max_upload_size=4
    )
    with st.popover("Paste JSON", width="stretch"):
        typed = st.text_area("Design as JSON", height=200, key="start.pasted")
        pressed = st.button("Open it", disabled=not typed.strip())
    page.small(text.FAMILIES.format(len(FAMILIES)))
    content = upload.getvalue().decode("utf-8-sig", errors="replace") if upload else typed if pressed else ""
    if content:
        opening.open_text(db, content)


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
        opening.open_draft(chosen)


main()
