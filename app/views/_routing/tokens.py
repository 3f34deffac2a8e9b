"""Tokens: a typed text, each token with its expert, and one token closely."""

import math
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import state
from app.errors import UserError
from app.record import layer_names, read_design
from app.views._routing import one_token
from app.views._routing.asked import asked, warn
from app.views._routing.empty import nothing
from app.views._routing.expert import sign
from app.views._routing.shown import Shown
from components import page
from components.tokens.mount import Cell, tokens
from core.cost.format import count, digits
from core.design.bodies.moe import Moe
from core.design.spec import Design
from core.probe.answers import Inspection, LayerView
from core.trace.record import Trace
from storage import runs
from storage.database import Database
from storage.errors import NotFoundError
from storage.records import RunPublic
from storage.status import Status

TEXT, LAYER, TOKEN, OTHER, DOMAIN = (f"routing.tokens.{n}" for n in ("text", "layer", "token", "other", "as"))
MOST_BYTES = 2000
#: Characters of each domain in the first text, out of so many bytes of held-out text.
_SAMPLE, _READ_BYTES = 90, 400
_PLAIN = "def area(w, h):\n    return w * h\n\nThe quick brown fox jumps over the lazy dog. 12 + 30 = 42\n"


def commands(shown: Shown) -> tuple[str, ...]:
    """What tells the same on the command line."""
    return (f"python -m app inspect {shown.run.id} --text '...' --json",)


def show(shown: Shown, controls: DeltaGenerator) -> None:
    """The text of a run of text; else why there is none."""
    design = read_design(shown.run.design)
    if (why := _why_not(design) or _why_not_yet(shown.run)) is not None:
        nothing(why)
        return
    with controls:
        domain = _domain(shown, design)
        other = _other(shown)
        text = _text(shown)
    if said := state.take_message():
        page.problems([("warning", said, "")])
    if other:
        warn(shown.db, other)
    try:
        found = asked(shown.db, shown.run.id, "inspect", "Reading the text", text=text, domain=domain)
        against = None
        if other:
            against = asked(shown.db, other, "inspect", "Reading it with the other run", text=text)
    except UserError as error:
        page.problems([("error", str(error), "")])
        return
    _draw(found, against)


def _why_not(design: Design) -> str | None:
    if design.task.kind != "language_model":
        return "Typed text can be followed through runs of text, and this one reads other inputs."
    if not any(isinstance(placed.part.body, Moe) for placed in design.parts()):
        return "This design has no MoE layer, so no token is routed anywhere. Train one with a router."
    return None


def _why_not_yet(run: RunPublic) -> str | None:
    if run.status not in (Status.DONE, Status.STOPPED, Status.PAUSED):
        return "This run has no weights to ask yet. Its text can be followed once it is done or paused."
    return None


def _domain(shown: Shown, design: Design) -> str | None:
    """Which domain the text is said to be of, for a router that is told."""
    told = any(
        isinstance(p.part.body, Moe) and p.part.body.router.condition is not None for p in design.parts()
    )
    names = shown.routed.trace.domains if shown.routed else ()
    if not told or len(names) < 2:
        return None
    return st.selectbox("Told domain", names, key=DOMAIN, width=150, label_visibility="collapsed")


def _other(shown: Shown) -> str | None:
    """Another run of text with an MoE layer to set beside it."""
    ended = [
        run.id
        for run in runs.listing(shown.db)
        if run.id != shown.run.id
        and run.status in (Status.DONE, Status.STOPPED)
        and _routes_text(run.id, shown.db)
    ]
    if not ended:
        return None
    # An option of its own instead of a button to clear, which Streamlit draws too small to hit.
    chosen = st.selectbox(
        "Compare with",
        ["", *ended],
        format_func=lambda run: run or "Compare with a run",
        label_visibility="collapsed",
        width=210,
        key=OTHER,
        bind="query-params",
    )
    return chosen or None


@st.cache_data(max_entries=1024, show_spinner=False)
def _routes_text(run_id: str, _db: Database) -> bool:
    """Whether a text can be followed through this run; its design never changes."""
    try:
        return _why_not(read_design(runs.get(_db, run_id).design)) is None
    except NotFoundError:
        return False


def _text(shown: Shown) -> str:
    """The text in its popover, at first held-out text of every domain."""
    key = f"{TEXT}.{shown.run.id}"
    first = sample(shown.routed.trace) if shown.routed else _PLAIN
    text, _ = cut(state.remembered(TEXT) or first)
    state.fill(key, text)
    with st.popover("Edit text", icon=":material/edit:"):
        st.text_area(
            "Text to follow through the model",
            key=key,
            height=200,
            width=460,
            on_change=partial(_typed, key),
            help=f"Read as UTF-8 bytes, at most {digits(MOST_BYTES)}. Longer text is cut there.",
        )
        st.caption("Ctrl+Enter reads it.")
    return text


def _typed(key: str) -> None:
    """Keep what was typed; say what could not be kept."""
    text, said = cut(st.session_state[key])
    if said:
        state.leave_message(said)
    state.remember(TEXT, text or None)


def cut(text: str) -> tuple[str, str]:
    """(what is read, what is said of the rest); nothing is read of a text of nothing but space."""
    content = text.encode(errors="ignore")
    if not text.strip():
        return "", "The text was empty, so an example stands here. To fix this, type at least a letter."
    if len(content) <= MOST_BYTES:
        return text, ""
    said = f"The text has {digits(len(content))} bytes, and the first {digits(MOST_BYTES)} are read."
    return content[:MOST_BYTES].decode(errors="ignore"), f"{said} To fix this, follow the rest by itself."


def sample(trace: Trace) -> str:
    """A piece of held-out text of every domain."""
    tokens_, pieces = trace.tokens, []
    for domain in range(len(trace.domains)):
        mine_I = np.flatnonzero((tokens_.domain == domain) & (tokens_.token >= 0))[:_READ_BYTES]
        read = tokens_.token[mine_I].astype(np.uint8).tobytes().decode(errors="ignore")
        # From the second line on: the first one begins anywhere.
        whole = read.partition("\n")[2] or read
        pieces.append(whole.strip("\n")[:_SAMPLE].rstrip())
    return "\n".join(pieces) or _PLAIN


def _draw(found: Inspection, against: Inspection | None) -> None:
    if not found.layers:
        nothing("Every layer of this run mixes all experts, so no token has an expert of its own.")
        return
    names = layer_names([layer.path for layer in found.layers])
    kept = state.remembered(LAYER)
    state.fill(LAYER, kept if kept in names else found.layers[-1].path)
    at = _at(len(found.token_T))
    left, right = st.columns([1.55, 1], gap="small")
    with left, page.card():
        layer = _strip(found, names, at)
        if against is not None:
            _beside(found, against, layer.path, at)
    with right, page.card():
        one_token.show(found, layer, at, names)


def _strip(found: Inspection, names: dict[str, str], at: int) -> LayerView:
    """The text of the run; the layer that is looked at."""
    with st.container(horizontal=True, vertical_alignment="top", gap="small", wrap=False):
        words = st.container(width="stretch")
        path = st.selectbox(
            "Layer",
            list(names),
            format_func=lambda path: names[path].capitalize(),
            label_visibility="collapsed",
            width=112,
            key=LAYER,
            on_change=_choose_layer,
        )
        layer = found.layer(path)
        page.table("Tokens of the text", lambda: rows(found, layer), "routing.tokens.table")
    with words:
        page.head(
            finding(layer),
            f"{names[path].capitalize()}. Number, hue and line: the first expert of each byte. Click one, or"
            " walk with the arrow keys.",
        )
    tokens(cells(found, layer), label="Tokens of the text", selected=at, key="routing.tokens", on_pick=_pick)
    page.small(_figures(found))
    if path in found.together:
        page.small(
            "Experts of this layer have room for so many tokens only, so what is dropped depends on all of"
            " the text."
        )
    return layer


def _at(tokens_: int) -> int:
    """The token that is looked at, whatever the address says."""
    return min(state.number(state.remembered(TOKEN) or "") or 0, tokens_ - 1)


def _choose_layer() -> None:
    state.remember(LAYER, st.session_state[LAYER])


def _pick(at: int) -> None:
    state.remember(TOKEN, str(at))


def cells(found: Inspection, layer: LayerView) -> list[Cell]:
    """A cell for each byte; a byte that no expert took is crossed out."""
    first_T = firsts(layer)
    out = []
    for i, byte in enumerate(found.token_T.tolist()):
        expert, token = int(first_T[i]), sign(byte)
        picked = int(layer.expert_TK[i, 0]) if layer.expert_TK.shape[1] else -1
        off = expert < 0 <= picked
        number = str(picked if off else expert) if max(picked, expert) >= 0 else "–"
        said = f"{i + 1}: {token}, " + (
            f"dropped by expert {picked}" if off else f"expert {expert}" if expert >= 0 else "no expert"
        )
        out.append(Cell(token, number, expert, said, ends=byte == 10, off=off))
    return out


def firsts(layer: LayerView) -> npt.NDArray[np.int16]:
    """The best expert that took each token [T]; -1 where none did."""
    best_T1 = layer.accepted_TK.argmax(1)[:, None]
    taken_T: npt.NDArray[np.int16] = np.take_along_axis(layer.expert_TK, best_T1, 1)[:, 0]
    return np.where(layer.accepted_TK.any(1), taken_T, np.int16(-1))


def finding(layer: LayerView) -> str:
    """How the text spreads over the experts."""
    first_T = firsts(layer)
    counts_E = np.bincount(first_T[first_T >= 0], minlength=layer.experts)
    busiest, used = int(counts_E.argmax()), int((counts_E > 0).sum())
    share = counts_E[busiest] / max(1, counts_E.sum())
    return (
        f"Expert {busiest} is first for {share:.0%} of this text; {used} of {layer.experts} experts are first"
        " somewhere".replace("%", "\u2009%", 1)
    )


def nats(found: Inspection) -> float:
    """Mean loss of the bytes that have a next one."""
    return float(np.nanmean(found.nll_T)) if len(found.nll_T) > 1 else math.nan


def _figures(found: Inspection) -> str:
    told = f"Answered by step {count(found.step)} · {len(found.token_T)} bytes"
    if not math.isnan(nats(found)):
        told += f" · loss {nats(found):.2f} nats per byte"
    if len(found.token_T) > found.context:
        told += f" · read in windows of {found.context} that overlap by half"
    return told


def rows(found: Inspection, layer: LayerView) -> pd.DataFrame:
    """The strip as a table."""
    K = layer.expert_TK.shape[1]
    frame: dict[str, list[object]] = {
        "token": [sign(b) for b in found.token_T.tolist()],
        "loss, nats": [None if math.isnan(n) else round(n, 3) for n in found.nll_T.tolist()],
        "router entropy, nats": [round(v, 3) for v in layer.entropy_T.tolist()],
    }
    for k in range(K):
        frame[f"pick {k + 1}"] = [e if e >= 0 else None for e in layer.expert_TK[:, k].tolist()]
        frame[f"weight {k + 1}"] = [round(w, 3) for w in layer.weight_TK[:, k].tolist()]
    return pd.DataFrame(frame)


def _beside(found: Inspection, other: Inspection, path: str, at: int) -> None:
    """The same text in another run. Its experts are others: numbers do not match across runs."""
    if not other.layers:
        page.small(f"{other.run} has no layer that chooses experts.")
        return
    layer = next((layer for layer in other.layers if layer.path == path), other.layers[-1])
    mine, theirs = nats(found), nats(other)
    better = "less" if theirs < mine else "more"
    name = layer_names([layer.path for layer in other.layers])[layer.path]
    page.head(
        f"{other.run} loses {theirs:.2f} nats per byte, {abs(theirs - mine):.2f} {better}",
        f"{name.capitalize()} of that run at step {count(other.step)}. Expert numbers of two runs have"
        " nothing to do with each other; compare which tokens stay together.",
    )
    tokens(
        cells(other, layer),
        label="Tokens of the text in the other run",
        selected=at,
        key="routing.tokens.beside",
        on_pick=_pick,
    )
