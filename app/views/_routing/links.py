"""What a link asks of the Routing page that this run does not have."""

from collections.abc import Iterator

from app import state
from app.routed import Routed
from app.views._routing import choices, sections
from app.views._routing.layer import PANEL
from app.views._routing.panels.registry import PANELS


def left_out(routed: Routed | None) -> str:
    """One sentence on the names in the address that no switch of the page offers; empty where all are there.

    To be asked before the switches are drawn: they drop such names from the address.
    """
    wrong = [
        f"{what} \u201c{asked[:40]}\u201d"
        for what, key, offered in _offered(routed)
        if (asked := state.linked(key)) is not None and asked not in offered
    ]
    if not wrong:
        return ""
    return f"The link names what is not here: {', '.join(wrong)}. The page shows its first choice instead."


def _offered(routed: Routed | None) -> Iterator[tuple[str, str, list[str]]]:
    """What it is, its name in the address, its possible values there."""
    yield "section", sections.KEY, [section.title for section in sections.SECTIONS]
    yield "panel", PANEL, [panel.title for panel in PANELS]
    if routed is None or not routed.layers:
        return
    layers = {choices.said(routed, figures["path"]): figures for figures in routed.layers}
    yield "domain", choices.DOMAIN, [choices.ALL, *routed.trace.domains]
    yield "layer", choices.LAYER, list(layers)
    usual = routed.layers[choices.most_special(routed)]
    experts = len(layers.get(state.linked(choices.LAYER) or "", usual)["load"])
    yield "expert", choices.EXPERT, [choices.numbered(expert) for expert in range(experts)]
