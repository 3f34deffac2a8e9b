"""The pages of the studio, in the order of the header.

A new page is one file in app/views and one line here.
"""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

VIEWS = Path(__file__).parent / "views"


@dataclass(frozen=True)
class PageEntry:
    """A page: its word in the header, its address, its file in app/views."""

    title: str
    url_path: str
    file: str

    @property
    def default(self) -> bool:
        """Whether the studio opens with this page; Streamlit serves it at / only."""
        return self is PAGES[0]

    @property
    def address(self) -> str:
        """The path in the browser, such as /design."""
        return "/" if self.default else f"/{self.url_path}"

    def to_streamlit(self) -> StreamlitPage:
        """The page as st.navigation, st.page_link and st.switch_page take it."""
        return st.Page(VIEWS / self.file, title=self.title, url_path=self.url_path, default=self.default)


PAGES = (
    PageEntry("Start", "start", "start.py"),
    PageEntry("Gallery", "gallery", "gallery.py"),
    PageEntry("Design", "design", "design.py"),
    PageEntry("Cost", "cost", "cost.py"),
    PageEntry("Train", "train", "train.py"),
    PageEntry("Routing", "routing", "routing.py"),
    PageEntry("Runs", "runs", "runs.py"),
    PageEntry("Papers", "papers", "papers.py"),
    PageEntry("Export", "export", "export.py"),
)


def page(url_path: str) -> StreamlitPage:
    """The page with this url_path, for links and switches between pages.

    Raises:
        KeyError: no page has this url_path.
    """
    return {entry.url_path: entry for entry in PAGES}[url_path].to_streamlit()
