"""What tests of pages share: the words on a page, and a button by its key."""

from typing import Any

from streamlit.testing.v1 import AppTest


def said(app: AppTest) -> str:
    """All words in markdown and captions."""
    return "\n".join(element.value for element in [*app.markdown, *app.caption]).replace("\\", "")


def button(app: AppTest, key: str) -> Any:
    """The button with this key."""
    return next(found for found in app.button if found.key == key)
