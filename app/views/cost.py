"""Cost: what the open design needs on a processor or on a board, before anything is trained."""

import streamlit as st

from app import pages, state, text
from app.costing import fpga, gpu
from app.designs import argument
from app.paths import data_root
from app.views._empty import no_design
from components import page
from storage import database
from storage.errors import NotFoundError


def main() -> None:
    """The page for the open design, or the way to one."""
    wanted = state.design_id()
    if wanted is None:
        return no_design("Cost", text.COST_EMPTY)
    desk, db = state.desk(), database.open(data_root())
    try:
        desk.open(db, wanted)
    except NotFoundError as error:
        state.open_design(None)
        return no_design("Cost", str(error))
    with page.title_row():
        st.title(page.plain(desk.design.name), anchor=False, width="content")
        half = st.segmented_control(
            "Targets", ["GPU", "FPGA"], default="GPU", label_visibility="collapsed", key="cost.half"
        )
        st.space("stretch")
        st.page_link(pages.page("design"), label="Change the design", icon=":material/edit:")
    arguments = fpga.show(desk.design) if half == "FPGA" else gpu.show(db, desk.design)
    page.command(f"python -m app cost {argument(desk.design)[0]} {arguments}")
    return None


main()
