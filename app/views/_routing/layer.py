"""Layer: one layer closely, from who goes to which expert to whom capacity turned away."""

from streamlit.delta_generator import DeltaGenerator

from app.views._routing import choices
from app.views._routing.empty import no_trace, nothing
from app.views._routing.panels.registry import PANELS
from app.views._routing.shown import Shown

PANEL = "routing.panel"


def commands(shown: Shown) -> tuple[str, ...]:
    """What tells the same on the command line."""
    return (f"python -m app routing {shown.run.id} --json",)


def show(shown: Shown, controls: DeltaGenerator) -> None:
    """One panel at a time, of the layer that is chosen on every section."""
    routed = shown.routed
    if routed is None or not (routed.layers or routed.soft):
        no_trace(shown)
        return
    if not routed.layers:
        nothing(
            "No layer of this design selects experts: every token goes to all of them. Overview shows their"
            " shares; train a design that selects to look at its choices."
        )
        return
    with controls:
        titles = [panel.title for panel in PANELS]
        panel = PANELS[choices.switch("Panel", titles, PANEL)]
        index = choices.layer(routed)
    panel.show(shown, routed, index)
