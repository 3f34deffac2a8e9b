"""Our own browser parts: plain HTML, CSS and JavaScript read from the folder of the part, no build step."""

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

HERE = Path(__file__).parent


@cache
def component(name: str, html: str) -> Any:
    """The mount function of the part `name`, which is made of every style and script below its folder.

    Every part shares the tokens of `base.css` and the helpers of `base.js`; the text is inline, so nothing is
    fetched from anywhere and an installed package needs no asset folder. The files are put together in the
    order of their paths and share one scope: outside of functions they may only declare.
    """
    style, script = (_joined(name, ending) for ending in ("css", "js"))
    return st.components.v2.component(f"moe_{name}", html=html, css=style, js=script)


def _joined(name: str, ending: str) -> str:
    paths = [HERE / f"base.{ending}", *sorted((HERE / name).rglob(f"*.{ending}"))]
    return "".join(path.read_text(encoding="utf-8") for path in paths)
