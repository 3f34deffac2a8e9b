"""What the What if section asks. Address, switches, command and what is sent all follow from it."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app import state
from components.switches.mount import STATES, Cell, State, states_of
from core.design.override import BOOST, Override, Overrides, Scope, sendable


@dataclass(frozen=True)
class Question:
    """Experts that are not as learned, the tokens they are turned for, and the text to go on from, None for
    models of none. Layers are rows, counted as `paths` are."""

    cells: Mapping[Cell, State]
    scope: Scope
    prompt: str | None

    def overrides(self, paths: Sequence[str]) -> Overrides:
        """What the switches ask of each layer."""
        found: Overrides = {}
        for row, path in enumerate(paths):
            turned = {
                now: [e for (r, e), each in sorted(self.cells.items()) if (r, each) == (row, now)]
                for now in STATES
            }
            if any(turned.values()):
                found[path] = Override(
                    suppress=tuple(turned["off"]),
                    force=tuple(turned["on"]),
                    bias=dict.fromkeys(turned["boost"], BOOST),
                    scope=self.scope,
                )
        return found

    def sent(self, paths: Sequence[str]) -> dict[str, Any]:
        """What `core.probe.whatif` is asked."""
        return {
            "overrides": sendable(self.overrides(paths)),
            "prompts": () if self.prompt is None else (self.prompt,),
        }

    def command(self, run: str, paths: Sequence[str]) -> str:
        """The command that asks the same; with nothing switched, where an expert is to be named."""
        words = ["python", "-m", "app", "whatif", run]
        for (row, expert), now in sorted(self.cells.items()):
            words += [f"--{now}", f"{paths[row]}:{expert}" + (f"={BOOST:g}" if now == "boost" else "")]
        if not self.cells:
            words += ["--off", "LAYER:EXPERT"]
        if self.scope != "all":
            words += ["--for", self.scope]
        if self.prompt is not None:
            # In one word: a prompt may begin with a dash.
            words.append(f"--prompt={self.prompt}")
        return shlex.join(words)


def write_cells(cells: Mapping[Cell, State]) -> str:
    """Switches for the address: `0.5.off 1.2.on`, layer and expert counted from 0."""
    return " ".join(f"{row}.{expert}.{now}" for (row, expert), now in sorted(cells.items()))


def read_cells(text: str, experts: Sequence[int]) -> dict[Cell, State]:
    """Those switches, without what is none; `experts` of each layer."""
    told = [part.split(".") for part in text.split()]
    return states_of(
        [[state.number(cell[0]), state.number(cell[1]), cell[2]] for cell in told if len(cell) == 3],
        experts,
    )
