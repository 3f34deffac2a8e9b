"""What one browser session remembers: the only place that names session keys and reads query parameters.

Query parameters vanish when the page changes and session state dies at reload, so each keeps the other: a
link fills the session, and the session writes its ids back into the address of every page (`keep_link`).
"""

import re
from typing import Any
from uuid import uuid4

import streamlit as st

from app.composer.desk import Desk
from app.links import DRAFT as _DESIGN
from app.links import PARAMETER as _PACKED

_RUN = "run"
_PAPER = "paper"
_MOST_DIGITS = 9
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


def design_id() -> str | None:
    """The id of the open design, or None."""
    return _get(_DESIGN)


def open_design(design: str | None) -> None:
    """Make `design` the open design, here and in the address; None closes it. ValueError for a bad id."""
    _set(_DESIGN, design)


def desk() -> Desk:
    """What this session has on the Design page."""
    key = _key("desk")
    if key not in st.session_state:
        st.session_state[key] = Desk()
    kept: Desk = st.session_state[key]
    return kept


def run_id() -> str | None:
    """The id of the run that Train, Routing and Export show, or None."""
    return _get(_RUN)


def open_run(run: str | None) -> None:
    """Make `run` the shown run, here and in the address; None closes it. ValueError for a bad id."""
    _set(_RUN, run)


def paper_name() -> str | None:
    """The paper that the address of the Papers page names; unlike a design it is left with the page."""
    name: str | None = st.query_params.get(_PAPER)
    return name


def open_paper(name: str | None) -> None:
    """Make the address name a paper; None names none."""
    if name is None:
        st.query_params.pop(_PAPER, None)
    else:
        st.query_params[_PAPER] = name


def linked(name: str) -> str | None:
    """What the address says under `name`, before a widget that is bound to it is drawn."""
    value: str | None = st.query_params.get(name)
    return value


def remembered(name: str) -> str | None:
    """What the page keeps under `name`: the address says it, or the session, which brings the address up."""
    linked: str | None = st.query_params.get(name)
    if linked is not None:
        st.session_state[_key(name)] = linked
    elif (kept := _get(name)) is not None:
        st.query_params[name] = linked = kept
    return linked


def remember(name: str, value: str | None) -> None:
    """Keep `value` in the session and in the address, so that a link shows the same; None forgets it."""
    if value is None:
        st.session_state.pop(_key(name), None)
        st.query_params.pop(name, None)
    else:
        st.session_state[_key(name)] = st.query_params[name] = value


def number(text: str) -> int | None:
    """A position that the address names, such as an expert's; None for anything else, thousands of digits
    too, on which `int` fails."""
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None


def request_id(action: str) -> str:
    """The id of the next `action`, kept until `renew_request`: a click that calls back twice asks once."""
    value: str = st.session_state.setdefault(_key(f"request.{action}"), uuid4().hex)
    return value


def renew_request(action: str) -> None:
    """The last request of `action` was made; the next one is another."""
    st.session_state.pop(_key(f"request.{action}"), None)


def fill(widget: str, value: object) -> None:
    """Give a widget its value before it is drawn."""
    st.session_state[widget] = value


def held(widget: str) -> Any:
    """What a widget holds; None before it was drawn."""
    return st.session_state.get(widget)


def leave_message(text: str) -> None:
    """What a callback has to say, for the rerun that follows it; empty for nothing."""
    st.session_state[_key("message")] = text


def take_message() -> str:
    """What the last callback left, once."""
    text: str = st.session_state.pop(_key("message"), "")
    return text


def pin(mark: str, text: str) -> None:
    """Keep `text` for as long as `mark`, such as a draft and its revision, stays the same."""
    st.session_state[_key("pinned")] = (mark, text)


def pinned(mark: str) -> str:
    """What was pinned to `mark`; empty once it is another."""
    kept: tuple[str, str] = st.session_state.get(_key("pinned"), ("", ""))
    return kept[1] if kept[0] == mark else ""


def take_packed() -> str | None:
    """The design that the link holds as text, once: the address forgets it, so a reload opens no other."""
    packed: str | None = st.query_params.get(_PACKED)
    if packed is not None:
        del st.query_params[_PACKED]
    return packed


def keep_link() -> tuple[str, ...]:
    """Bring address and session into line; called once a rerun, before the page.

    Returns one sentence for each id in the address that cannot be one, which is then dropped.
    """
    messages = []
    for name in (_DESIGN, _RUN):
        linked = st.query_params.get(name)
        if linked is not None and not _ID.fullmatch(linked):
            messages.append(_bad_id(name, linked))
            del st.query_params[name]
            linked = None
        if linked is not None:
            st.session_state[_key(name)] = linked
        elif (kept := _get(name)) is not None:
            st.query_params[name] = kept
    return tuple(messages)


def _get(name: str) -> str | None:
    value: str | None = st.session_state.get(_key(name))
    return value


def _set(name: str, value: str | None) -> None:
    if value is None:
        st.session_state.pop(_key(name), None)
        st.query_params.pop(name, None)
        return
    if not _ID.fullmatch(value):
        raise ValueError(_bad_id(name, value))
    st.session_state[_key(name)] = value
    st.query_params[name] = value


def _key(name: str) -> str:
    return f"studio.{name}"


def _bad_id(name: str, value: str) -> str:
    shown = value if len(value) <= 40 else value[:39] + "…"
    return (
        f"The link names the {name} {shown!r}, but an id has 1 to 64 small letters, digits and hyphens. "
        f"To fix this, copy the whole link again or open the {name} from its list."
    )
