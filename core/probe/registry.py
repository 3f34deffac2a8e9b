"""Questions by name, one module and one line each.

Such a module has `Ask`, a spec of what may be asked, and `answer(subject, ask)`. It loads torch, so it is
imported only where a question is answered.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import Any, Protocol

from core.probe.errors import ProbeError

QUESTIONS = {
    "expertise": "core.probe.expertise",
    "experts": "core.probe.experts",
    "generate": "core.probe.generate",
    "inspect": "core.probe.inspect",
    "sweep": "core.probe.sweep",
    "trace": "core.probe.trace",
    "whatif": "core.probe.whatif",
}


class Question(Protocol):
    """A module of the table."""

    Ask: Any

    def answer(self, subject: Any, ask: Any) -> Any: ...


def question(name: str) -> Question:
    """The module of a question. Raises ProbeError."""
    if name not in QUESTIONS:
        near = get_close_matches(name, QUESTIONS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ProbeError(
            f"There is no question {name[:60]!r}.{hint} To fix this, ask one of: {', '.join(QUESTIONS)}."
        )
    module: Any = import_module(QUESTIONS[name])
    found: Question = module
    return found
