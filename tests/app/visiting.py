"""What tests of pages share: the words on a page, and a button by its key."""

from typing import Any

from streamlit.testing.v1 import AppTest


def said(app: AppTest) -> str:
    """All words in markdown and captions."""
    return "\n".join(seen(element.value) for element in [*app.markdown, *app.caption])


def seen(markdown: str) -> str:
    """Words of users as a reader sees them, without what keeps them from being drawn."""
    return markdown.replace("\\", "").replace(":small[]", "")


def button(app: AppTest, key: str) -> Any:
    """The button with this key."""
    return next(found for found in app.button if found.key == key)
