"""The list of examples on a page."""

from collections.abc import Sequence

from components.assets import component

_HTML = '<div class="root contexts"></div>'


def contexts(rows: Sequence[tuple[str, str, str, str]], *, label: str, key: str) -> None:
    """Rows of (where from, before, token, after), shown as text whatever they hold."""
    component("contexts", _HTML)(data={"rows": [list(row) for row in rows], "label": label}, key=key)
