"""What if: experts switched off, on or favoured, and what that does to losses and to what is generated."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import state
from app.errors import UserError
from app.guard import guarded
from app.inference.keeping import keep
from app.routed import Routed
from app.views._routing import imaging
from app.views._routing.asked import asked
from app.views._routing.empty import no_trace, nothing
from app.views._routing.expert import text_of
from app.views._routing.question import Question, read_cells, write_cells
from app.views._routing.shown import Shown
from components import page
from components.charts import palette
from components.charts.differences import Difference, differences
from components.heat.grid import row_shares
from components.switches.mount import Cell, State, switches
from core.analysis.reading import figure
from core.cost.format import MINUS, count
from core.design.override import Scope
from core.probe.answers import WhatIf
from storage.errors import StorageError

CELLS, SCOPE, SHADE, PROMPT, NAME = (
    f"routing.whatif.{name}" for name in ("cells", "scope", "shade", "prompt", "name")
)
SCOPES: dict[Scope, str] = {"all": "Prompt and answer", "prefill": "Prompt only", "decode": "Answer only"}
#: Bytes of the first prompt, and characters of any.
_PROMPT_BYTES, _MOST_PROMPT = 40, 400
_TYPED = f"{PROMPT}.typed"
_ALL_BUT_ONE = re.compile(r"(.*\S)\s+\S*$", re.DOTALL)


def commands(shown: Shown) -> tuple[str, ...]:
    """What tells the same on the command line, of the switches and of the test below them."""
    return (_question(shown).command(shown.run.id, _paths(shown)), *imaging.commands(shown))


def show(shown: Shown, controls: DeltaGenerator) -> None:
    """The switches, what follows from them, and the experts that set a domain apart."""
    routed = shown.routed
    if routed is None or not routed.layers:
        if routed is not None and routed.soft:
            nothing("Every layer of this run mixes all experts: none can be switched off for a token.")
        else:
            no_trace(shown)
        return
    with controls:
        if _reads_text(shown):
            st.segmented_control(
                "Tokens it holds for",
                list(SCOPES),
                default="all",
                required=True,
                format_func=SCOPES.__getitem__,
                label_visibility="collapsed",
                key=SCOPE,
                width="content",
                bind="query-params",
            )
        question = _question(shown)
        if question.cells:
            _keeping(shown, question)
        st.button(
            "As learned",
            on_click=_turn,
            args=(shown, {}),
            disabled=not question.cells,
            key="routing.whatif.reset",
        )
    left, right = st.columns([1.2, 1], gap="small")
    with left, page.card():
        _switches(shown, routed, question)
        below = st.container()
    with right, page.card():
        found = _effects(shown, question)
    if found is not None and found.generations:
        with below:
            _generations(found)
    imaging.show(shown, routed)


def _keeping(shown: Shown, question: Question) -> None:
    """Keeps the run with its switches as a run of its own."""
    with st.popover("Keep as a run", icon=":material/account_tree:", key="routing.whatif.keep"):
        st.text_input("Name", f"{shown.run.name}, switched"[:80], max_chars=80, key=NAME)
        st.caption("The same weights with these switches: it can be asked, traced and compared like any run.")
        st.button(
            page.primary("Keep"),
            type="primary",
            key="routing.whatif.kept",
            on_click=guarded(_keep),
            args=(shown, question),
        )
    if said := state.take_message():
        page.problems([("warning", said, "")])


def _keep(shown: Shown, question: Question) -> None:
    # As it stands now: who types and clicks at once has not drawn the page in between.
    name: str = st.session_state[NAME]
    try:
        wanted = question.sent(_paths(shown))["overrides"]
        child = keep(shown.db, shown.run.id, wanted, name.strip() or shown.run.name, state.request_id("keep"))
    except (UserError, StorageError) as error:
        state.leave_message(str(error))
        return
    state.renew_request("keep")
    state.open_run(child)


def _question(shown: Shown) -> Question:
    """As it stands: what is turned and typed, and the switch of tokens once it is drawn."""
    layers = shown.routed.layers if shown.routed is not None else ()
    cells = read_cells(state.remembered(_cells_of(shown)) or "", [len(layer["load"]) for layer in layers])
    if not _reads_text(shown):
        return Question(cells, "all", None)
    prompt = (state.remembered(PROMPT) or "")[:_MOST_PROMPT]
    return Question(cells, st.session_state.get(SCOPE) or "all", prompt or _prompt(shown))


def _paths(shown: Shown) -> list[str]:
    return [layer["path"] for layer in shown.routed.layers] if shown.routed is not None else []


def _reads_text(shown: Shown) -> bool:
    return shown.routed is not None and bool((shown.routed.trace.tokens.token >= 0).all())


def _turn(shown: Shown, cells: Mapping[Cell, State]) -> None:
    state.remember(_cells_of(shown), write_cells(cells) or None)


def _cells_of(shown: Shown) -> str:
    """Switches are those of one run: experts of another have nothing to do with them."""
    return f"{CELLS}.{shown.run.id}"


def _switches(shown: Shown, routed: Routed, question: Question) -> None:
    names = [routed.names[layer["path"]].capitalize() for layer in routed.layers]
    domains = list(routed.trace.domains)
    with st.container(horizontal=True, vertical_alignment="top", gap="small", wrap=False):
        with st.container(width="stretch"):
            page.head(
                _said(question.cells), "Click an expert, or press Space on it: off, on, favoured, as learned."
            )
        shade = None
        if len(domains) > 1:
            shade = st.selectbox(
                "Shade",
                ["", *domains],
                format_func=lambda name: f"More for {name}" if name else "Shade: all picks",
                label_visibility="collapsed",
                width=180,
                key=SHADE,
                bind="query-params",
            )
    at = domains.index(shade) if shade else None
    switches(
        names,
        [_shares(layer, at).tolist() for layer in routed.layers],
        question.cells,
        label="Experts of every layer",
        key=f"routing.whatif.switches.{shown.run.id}",
        on_change=lambda cells: _turn(shown, cells),
    )


def _shares(
    layer: Mapping[str, Sequence[Sequence[int]]], domain: int | None
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Share of the layer's picks, or by how much a domain's share exceeds the mean of the others."""
    if domain is None:
        return row_shares(layer["load"])
    shares_NE = row_shares(layer["domain_expert"])
    others_E = np.delete(shares_NE, domain, 0).mean(0)
    return np.maximum(0, shares_NE[domain] - others_E)


def _said(cells: Mapping[Cell, State]) -> str:
    if not cells:
        return "Every expert is as learned"
    counts = {state: list(cells.values()).count(state) for state in ("off", "on", "boost")}
    words = {"off": "off", "on": "on for every token", "boost": "favoured"}
    parts = [f"{number} {words[state]}" for state, number in counts.items() if number]
    return f"Experts switched: {', '.join(parts)}"


def _effects(shown: Shown, question: Question) -> WhatIf | None:
    """The change of loss by domain; None while nothing is switched or nothing could be answered."""
    if not question.cells:
        page.head(
            "Switch an expert off to see what it is for",
            "The change of held-out loss then stands here for every domain, with its interval, and below it"
            " what the model goes on to write.",
        )
        return None
    try:
        found: WhatIf = asked(
            shown.db,
            shown.run.id,
            "whatif",
            "Measuring with and without",
            **question.sent(_paths(shown)),
        )
    except UserError as error:
        page.problems([("error", str(error), "")])
        return None
    _losses(found)
    return found


def _losses(found: WhatIf) -> None:
    rows = [
        Difference(
            shift.domain,
            shift.delta if shift.low is None else shift.low,
            shift.delta,
            shift.delta if shift.high is None else shift.high,
            0.0,
            f"{'+' if shift.delta >= 0 else MINUS}{figure(abs(shift.delta))}",
        )
        for shift in found.shifts
    ]
    said = finding(found)
    page.card_head(
        said,
        f"Change of loss in nats, {found.measured}, with 95\u00a0% interval over sequences.",
        "Change of loss",
        lambda: pd.DataFrame(
            [(s.domain, s.sequences, s.before, s.after, s.delta, s.low, s.high) for s in found.shifts],
            columns=["domain", "sequences", "loss before", "loss after", "change", "low", "high"],
        ),
        "routing.whatif.losses",
    )
    height = 64 + 34 * len(rows)
    drawn = differences(rows, palette.current(), "change of loss, nats")
    page.chart(drawn, said, height=height, key="routing.whatif.losses")
    for note in found.notes:
        page.small(note)
    page.small(
        f"Answered by step {count(found.step)}."
        " A change says that the model relies on these experts as it is now, not that another could not learn"
        " the same. Compare with experts of like usage below."
    )


def finding(found: WhatIf) -> str:
    """Who loses most, whether that is clear of zero, and how it goes for the others."""
    clear = [
        s for s in found.shifts if s.low is not None and s.high is not None and (s.low > 0 or s.high < 0)
    ]
    if not clear:
        return "No domain changes clearly"
    worst = max(clear, key=lambda shift: abs(shift.delta))
    verb, other = ("lose", "gain") if worst.delta > 0 else ("gain", "lose")
    domains, alike = len(found.shifts), sum(shift.delta * worst.delta > 0 for shift in clear)
    change = f"{figure(abs(worst.delta))} nats"
    parts = [f"{worst.domain} {verb}s {change}"]
    if alike > 1:
        who = f"All {domains}" if alike == domains else f"{alike} of {domains}"
        parts = [f"{who} domains {verb}, {worst.domain} most: {change}"]
    if against := len(clear) - alike:
        parts.append(f"{against} {other}{'s' if against == 1 else ''}")
    if unclear := domains - len(clear):
        parts.append(f"{unclear} unclear")
    return "; ".join(parts)


def _prompt(shown: Shown) -> str:
    """The start of the held-out text."""
    assert shown.routed is not None
    tokens = shown.routed.trace.tokens
    text = text_of(tokens.token[tokens.sequence == 0][:_PROMPT_BYTES])
    return whole_words(text.replace("↵", "\n").replace("⇥", "\t"))


def whole_words(text: str) -> str:
    """Without the last word, which may be cut; all of a text that is one word."""
    words = _ALL_BUT_ONE.match(text)
    return words[1] if words else text


def _generations(found: WhatIf) -> None:
    one = found.generations[0]
    same = one.before == one.after
    page.head(
        "What it writes stays the same" if same else "What it writes changes",
        "Greedy: always the likeliest next byte, after the prompt.",
    )
    # Several lines: a prompt of code keeps its line ends.
    state.fill(_TYPED, one.prompt)
    st.text_area("Prompt", key=_TYPED, height=76, max_chars=_MOST_PROMPT, on_change=_type)
    page.small("Ctrl+Enter goes on from another prompt.")
    left, right = st.columns(2, gap="small")
    with left:
        page.small("As learned")
        st.code(_written(one.before), language=None, wrap_lines=True)
    with right:
        page.small("With the switches")
        st.code(_written(one.after), language=None, wrap_lines=True)


def _written(text: str) -> str:
    """As it is, unless it is all blanks: those would look as if nothing had been written."""
    if text.strip():
        return text
    return text.replace(" ", "␣").replace("\t", "⇥").replace("\n", "↵\n") or "–"


def _type() -> None:
    state.remember(PROMPT, st.session_state[_TYPED] or None)
