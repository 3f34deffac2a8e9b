"""The switches on a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

import streamlit as st

from components.assets import component

State = Literal["off", "on", "boost"]
STATES: tuple[State, ...] = get_args(State)
Cell = tuple[int, int]

_HTML = '<div class="root switches"></div>'


def switches(
    rows: Sequence[str],
    shares: Sequence[Sequence[float]],
    states: Mapping[Cell, State],
    *,
    label: str,
    key: str,
    on_change: Callable[[dict[Cell, State]], None],
) -> None:
    """Draw a switch for each expert of each row, shaded by its share of the row's tokens.

    A click or Space turns it: as learned, off, on, favoured, as learned. `states` are those that differ from
    what was learned; `on_change` gets all of them when clicking rests.
    """
    top = max((share for row in shares for share in row), default=1.0)

    def changed() -> None:
        on_change(states_of((st.session_state.get(key) or {}).get("states"), [len(row) for row in shares]))

    component("switches", _HTML)(
        data={
            "rows": list(rows),
            "shares": [[round(share / max(top, 1e-9), 3) for share in row] for row in shares],
            "percent": [[round(100 * share, 1) for share in row] for row in shares],
            "states": [[*cell, state] for cell, state in states.items()],
            "label": label,
        },
        key=key,
        on_states_change=changed,
    )


def states_of(told: Any, experts: Sequence[int]) -> dict[Cell, State]:
    """What the browser told, without anything that is no switch; `experts` of each row."""
    found: dict[Cell, State] = {}
    for entry in told if isinstance(told, list) else []:
        if not (isinstance(entry, list) and len(entry) == 3):
            continue
        row, expert, state = entry
        if (
            isinstance(row, int)
            and isinstance(expert, int)
            and 0 <= row < len(experts)
            and 0 <= expert < experts[row]
            and state in STATES
        ):
            found[row, expert] = state
    return found
