"""A design as a drawing in a file, in the colours of the pages."""

import tomllib
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

from app.composer.heat import heat_of
from components.canvas.layout import COLUMNS, draw
from components.canvas.svg import svg
from components.canvas.theme import Theme
from core.cost.count import count
from core.design.rules import check
from core.design.spec import Design

_CONFIG = Path(__file__).parents[1] / ".streamlit" / "config.toml"


def drawing(
    design: Design,
    opened: Collection[str] = (),
    *,
    heat: str = "",
    width: float = COLUMNS[1],
    dark: bool = False,
) -> str:
    """The drawing as SVG text with the design inside; `opened` and `width` as for the picture of the page.

    `heat` is a quantity of `app.composer.heat`, empty for none.
    """
    problems = [problem for problem in check(design) if problem.stage in ("design", "cost")]
    colours = heat_of(design, heat, opened) if heat else None
    picture = draw(design, count(design), problems, opened=opened, width=width, heat=colours)
    return svg(picture, design, theme("dark" if dark else "light"))


@lru_cache(maxsize=2)
def theme(name: str) -> Theme:
    """The colours of the light or dark theme, from where the pages have them."""
    values = tomllib.loads(_CONFIG.read_text(encoding="utf-8"))["theme"]
    chosen = values[name]
    kinds = chosen["chartCategoricalColors"]
    return Theme(
        ink=chosen["textColor"],
        paper=chosen["backgroundColor"],
        well=chosen["secondaryBackgroundColor"],
        line=chosen["borderColor"],
        accent=chosen["primaryColor"],
        warning=chosen["orangeColor"],
        warning_paper=chosen["orangeBackgroundColor"],
        error=chosen["redColor"],
        error_paper=chosen["redBackgroundColor"],
        attention=kinds[0],
        expert=kinds[2],
        router=kinds[4],
        shared=kinds[7],
        ramp=tuple(chosen["chartSequentialColors"]),
        font=values["font"],
    )
