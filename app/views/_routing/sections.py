"""The sections of the Routing page, in the order of their switch.

A new section is one file beside this one, with `show(shown, controls)` and `commands(shown)`, and one line
here. The address names it, and every select box that is bound to the address, so a link shows the same again.
"""

from collections.abc import Callable
from dataclasses import dataclass

from streamlit.delta_generator import DeltaGenerator

from app.views._routing import choices, expertise, layer, overview, tokens, training, whatif
from app.views._routing.shown import Shown

KEY = choices.SECTION


@dataclass(frozen=True)
class Section:
    """A word on the switch, what draws it, and the commands that tell the same.

    `show` gets the row of the switch too, for what is chosen for the whole section.
    """

    title: str
    show: Callable[[Shown, DeltaGenerator], None]
    commands: Callable[[Shown], tuple[str, ...]]


SECTIONS = (
    Section("Overview", overview.show, overview.commands),
    Section("Over training", training.show, training.commands),
    Section("Layer", layer.show, layer.commands),
    Section("Tokens", tokens.show, tokens.commands),
    Section("What if", whatif.show, whatif.commands),
    Section("Expertise", expertise.show, expertise.commands),
)


def choose() -> Section:
    """The switch; the section it stands on."""
    titles = [section.title for section in SECTIONS]
    return SECTIONS[choices.switch("Section", titles, KEY)]
