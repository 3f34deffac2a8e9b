"""The colours of a theme, read from the one place that has them, for marks that need a literal colour."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import streamlit as st

Theme = Literal["light", "dark"]


@dataclass(frozen=True)
class Palette:
    """Ink on paper; `ink2` for secondary text, `line` for grids, `grey` for chance and controls."""

    ink: str
    paper: str
    line: str
    accent: str
    categorical: tuple[str, ...]
    sequential: tuple[str, ...]
    diverging: tuple[str, ...]

    @property
    def ink2(self) -> str:
        """Secondary text: ink at 68 % on paper."""
        return mix(self.ink, self.paper, 0.68)

    @property
    def grey(self) -> str:
        """Baselines, controls and chance: ink at 30 % on paper."""
        return mix(self.ink, self.paper, 0.30)


def mix(front: str, back: str, share: float) -> str:
    """`share` of one #RRGGBB colour over another."""
    channels = zip(bytes.fromhex(front[1:]), bytes.fromhex(back[1:]), strict=True)
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02X}" for a, b in channels)


def theme() -> Theme:
    """The theme this visitor sees."""
    return "dark" if st.context.theme.type == "dark" else "light"


def current() -> Palette:
    """The palette this visitor sees."""
    return of(theme())


@cache
def of(name: Theme) -> Palette:
    """The palette of a theme, from the studio's configuration."""

    def option(key: str) -> str:
        return str(st.get_option(f"theme.{name}.{key}"))

    return Palette(
        ink=option("textColor"),
        paper=option("backgroundColor"),
        line=option("borderColor"),
        accent=option("primaryColor"),
        categorical=tuple(st.get_option(f"theme.{name}.chartCategoricalColors")),
        sequential=tuple(st.get_option(f"theme.{name}.chartSequentialColors")),
        diverging=tuple(st.get_option(f"theme.{name}.chartDivergingColors")),
    )
