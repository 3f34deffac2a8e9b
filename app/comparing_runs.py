"""Two runs side by side: what was set differently, in words, their losses and their last figures. For the
page and for the command line.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from app import comparing, record
from app.errors import UserError
from core.cost.format import DASH, count, duration, significant
from core.design.diff.fields import in_spec
from core.design.facts import MetricsRow
from core.design.override import Override, read_preset
from storage import files
from storage.database import Database
from storage.records import RunPublic

Pair = tuple[RunPublic, RunPublic]
Rows = tuple[MetricsRow, ...]

#: Under this, two losses of a small model on few held-out texts are as good as equal.
LEAST_GAP = 0.005


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
    switched when a run was kept. Raises UserError where a file of a run is damaged.
    """
    return (*_designs(one, other), *_plans(one, other), *_data(one, other), *_switches(db, one, other))


def headline(found: Sequence[Difference]) -> str:
    """How many there are, and of what."""
    if not found:
        return "Nothing was set differently"
    parts = Counter(difference.part for difference in found)
    said = ", ".join(f"{n} in the {part}" for part, n in parts.items())
    return f"{len(found)} {'setting differs' if len(found) == 1 else 'settings differ'}: {said}"


class Losses(NamedTuple):
    """What loss it is, and its points by the id of the run; none where it was not recorded yet."""

    name: str
    series: Mapping[str, record.Points]

    @property
    def missing(self) -> tuple[str, ...]:
        """Runs without a point."""
        return tuple(run for run, points in self.series.items() if not points)


def losses(pair: Pair, rows: tuple[Rows, Rows]) -> Losses:
    """Held-out losses, all domains together; those of training where neither run was evaluated."""
    held = {run.id: record.held_out_total(own) for run, own in zip(pair, rows, strict=True)}
    if any(held.values()):
        return Losses("held-out loss", held)
    return Losses("training loss", {run.id: record.total(own) for run, own in zip(pair, rows, strict=True)})


def verdict(pair: Pair, found: Losses) -> str:
    """Which run ended lower, by how much and after how many steps; that it cannot be said where it cannot."""
    if len(found.missing) == 2:
        return "Neither run has figures yet"
    if found.missing:
        return f"{found.missing[0]} has no {found.name} yet"
    if not same_data(*pair):
        return "The runs were trained on different data: their losses cannot be compared"
    ended = {run: points[-1] for run, points in found.series.items()}
    (low, (steps, least)), (high, (others, most)) = sorted(ended.items(), key=lambda run: run[1][1])
    after = "" if steps == others else f" after {count(steps)} steps, {high} after {count(others)}"
    if most - least < LEAST_GAP:
        between = f": {low}{after}" if after else ""
        return f"Both end at a {found.name} of {least:.2f}{between}"
    return f"{low} ends {most - least:.2f} lower in {found.name}, at {least:.2f}{after}"


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
    try:
        kept = [read_preset(files.folder(db.root, "runs", run.id)) for run in (one, other)]
    except ValueError as error:
        raise UserError(str(error)) from error
    for path, name in record.layer_names(sorted({*kept[0], *kept[1]})).items():
        before, after = (_switched(presets.get(path, Override())) for presets in kept)
        for setting in before:
            if before[setting] != after[setting]:
                where = name[:1].upper() + name[1:]
                yield Difference("routing", where, setting, before[setting], after[setting])


def _switched(override: Override) -> dict[str, str]:
    """What is not as learned; a dash for what is."""
    picked = {} if override.pick is None else override.pick.model_dump()
    said = {
        "experts switched off": ", ".join(map(str, sorted(override.suppress))),
        "experts switched on": ", ".join(map(str, sorted(override.force))),
        "added to logits": ", ".join(f"expert {e}: {bias:+g}" for e, bias in sorted(override.bias.items())),
        "experts picked by": ", ".join(str(value).replace("_", " ") for value in picked.values()),
        "tokens": "" if override.scope == "all" else override.scope,
        "capacity": "" if override.drops else "drops nothing",
    }
    return {setting: text or DASH for setting, text in said.items()}
