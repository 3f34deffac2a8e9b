"""The player on a page."""

from __future__ import annotations

from components.assets import component

_HTML = '<div class="root scrub"></div>'


def scrub(payload: bytes, *, key: str) -> None:
    """Draw what `pack` packed. Step, domain and measure are kept in the address by the browser itself."""
    component("scrub", _HTML)(data=payload, key=key)
