"""Two runs side by side: what was set differently, in words, and their last figures. For the page and for the
command line.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from app import comparing, record
from app.switched import words
from core.cost.format import DASH, count, duration, significant
from core.design.diff.fields import in_spec
from core.design.facts import MetricsRow
from core.design.override import Overrides, read_preset
from storage import files
from storage.database import Database
from storage.records import RunPublic

Pair = tuple[RunPublic, RunPublic]
Rows = tuple[MetricsRow, ...]


class Difference(NamedTuple):
    """A setting: its place, and what it is in either run, a dash where it is not there."""

    part: Literal["design", "plan", "data", "routing"]
    where: str
    setting: str
    one: str
    other: str


#: A change without a name is of a whole part or of whole layers.
_UNNAMED = {"set": "part", "added": "layers", "removed": "layers", "moved": "place"}


def differences(db: Database, one: RunPublic, other: RunPublic) -> tuple[Difference, ...]:
    """Those of the designs, of the plans as they were asked for, of the data, and of the experts that were
    switched when a run was kept.
    """
    return (*_designs(one, other), *_plans(one, other), *_data(one, other), *_switches(db, one, other))


def headline(found: Sequence[Difference]) -> str:
    """How many there are, and of what."""
    if not found:
        return "Nothing was set differently"
    parts = Counter(difference.part for difference in found)
    said = ", ".join(f"{n} in the {part}" for part, n in parts.items())
    return f"{len(found)} {'setting differs' if len(found) == 1 else 'settings differ'}: {said}"


def same_data(one: RunPublic, other: RunPublic) -> bool:
    """As far as is known: a run that waits has not read its data yet."""
    prints = {run.data_fingerprint for run in (one, other)} - {None}
    return one.data == other.data and len(prints) < 2


def figures(run: RunPublic, rows: Rows) -> dict[str, str]:
    """Last figures of a run in words; a dash for what it never recorded."""
    total, active = record.parameters(run.design)
    held, trained = record.held_out_total(rows), record.total(rows)
    routed = record.routing(rows)
    special = routed[-1].specialization if routed else None
    return {
        "Status": run.status.value,
        "Steps": count(run.step),
        "Held-out loss": significant(held[-1][1]) if held else DASH,
        "Training loss": significant(trained[-1][1]) if trained else DASH,
        "Busiest expert, × fair share": significant(routed[-1].busiest) if routed else DASH,
        "Dead experts": f"{routed[-1].dead} of {routed[-1].experts}" if routed else DASH,
        "Specialization, best layer": DASH if special is None else f"{special:.2f}",
        "Parameters": count(total),
        "Active parameters": count(active),
        "Training time": duration(rows[-1].seconds) if rows else DASH,
    }


def _designs(one: RunPublic, other: RunPublic) -> Iterator[Difference]:
    for change in comparing.changes(record.read_design(one.design), record.read_design(other.design)):
        setting = change.name or _UNNAMED[change.kind]
        yield Difference("design", change.where, setting, change.before or DASH, change.after or DASH)


def _plans(one: RunPublic, other: RunPublic) -> Iterator[Difference]:
    # The data is a matter of its own.
    for said in in_spec(one.plan, other.plan, skip=("data",)):
        yield Difference("plan", "Plan", said.name, said.before or DASH, said.after or DASH)


def _data(one: RunPublic, other: RunPublic) -> Iterator[Difference]:
    if one.data != other.data:
        yield Difference("data", "Data", "name", one.data, other.data)
    elif not same_data(one, other):
        contents = ((run.data_fingerprint or "")[:12] for run in (one, other))
        yield Difference("data", "Data", "contents", *contents)


def _switches(db: Database, one: RunPublic, other: RunPublic) -> Iterator[Difference]:
    kept = [_kept(db, run) for run in (one, other)]
    if None in kept:
        said = ("cannot be read" if overrides is None else "can be read" for overrides in kept)
        yield Difference("routing", "Experts", "file of what is switched", *said)
        return
    names = record.routed_layers(record.read_design(one.design))
    names |= record.routed_layers(record.read_design(other.design))
    for path, name in names.items():
        before, after = (words((overrides or {}).get(path)) for overrides in kept)
        for setting in before:
            if before[setting] != after[setting]:
                where = path if name == path else name.capitalize()
                yield Difference("routing", where, setting, before[setting], after[setting])


def _kept(db: Database, run: RunPublic) -> Overrides | None:
    """What is switched whenever a run is asked; None where the file that says it is damaged."""
    try:
        return read_preset(files.folder(db.root, "runs", run.id))
    except (ValueError, OSError):
        return None
