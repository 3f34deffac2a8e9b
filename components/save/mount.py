"""The two buttons beside a card's table."""

from __future__ import annotations

import re

from components.assets import component

_HTML = '<div class="root save"></div>'


def slug(name: str) -> str:
    """The name of a file: small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "chart"


def save(name: str, *, key: str) -> None:
    """Save the charts of the card that this stands in, under `name`."""
    component("save", _HTML)(data={"name": slug(name), "said": name}, key=key, width="content")
