"""Our own browser parts: plain HTML, CSS and JavaScript read from the folder of the part, no build step."""

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

HERE = Path(__file__).parent


@cache
def component(name: str, html: str) -> Any:
    """The mount function of the part `name`, whose files are `name/name.css` and `name/name.js`.

    Every part shares the tokens of `base.css` and the helpers of `base.js`; the text is inline, so nothing is
    fetched from anywhere and an installed package needs no asset folder.
    """
    folder = HERE / name
    style = _read(HERE / "base.css") + _read(folder / f"{name}.css")
    script = _read(HERE / "base.js") + _read(folder / f"{name}.js")
    return st.components.v2.component(f"moe_{name}", html=html, css=style, js=script)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
