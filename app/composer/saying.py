"""What a screen reader says after an edit: the edit, and the new total."""

import re

from core.cost.format import THIN, letters, percent
from core.design.spec import Design

_OLD = re.compile(r"[×\d.,\s]*\d\s→\s")
_SAME = 0.0005


def said_of(label: str, before: Design, after: Design) -> str:
    """`Expert 7: width 896. Total 602.7 M, down 0.1 %.` for "Expert 7: width 512 → 896"."""
    edit = _OLD.sub(" ", label, count=1).replace(" → ", ": ").strip()
    total, old = after.parameters, before.parameters
    if total == old:
        change = "as before"
    else:
        share = abs(total - old) / old if old else 1.0
        way = "up" if total > old else "down"
        change = f"{way} {percent(share)}" if share >= _SAME else f"{way} by {letters(abs(total - old))}"
    words = f"Total {letters(total)}, {change}.".replace(THIN, "\u00a0")
    return f"{edit}. {words}" if edit else words
