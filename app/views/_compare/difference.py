"""What was set differently for two runs, in words, as rows of a table. No Streamlit."""

from collections.abc import Iterator
from typing import NamedTuple

from app import comparing, record
from core.cost.format import DASH
from core.design.diff.fields import in_spec
from storage.records import RunPublic


class Row(NamedTuple):
    """A setting that differs: its place in a design, or "Plan" or "Data"; what it is in either run."""

    where: str
    setting: str
    one: str
    other: str


#: A change without a name is of a whole part or of whole layers.
_UNNAMED = {"set": "part", "added": "layers", "removed": "layers", "moved": "place"}


def design(one: RunPublic, other: RunPublic) -> Iterator[Row]:
    """Differences of the designs."""
    for change in comparing.changes(record.read_design(one.design), record.read_design(other.design)):
        setting = change.name or _UNNAMED[change.kind]
        yield Row(change.where, setting, change.before or DASH, change.after or DASH)


def plan(one: RunPublic, other: RunPublic) -> Iterator[Row]:
    """Differences of the plans as they were asked for; the data is a matter of its own."""
    for said in in_spec(one.plan, other.plan, skip=("data",)):
        yield Row("Plan", said.name, said.before or DASH, said.after or DASH)


def data(one: RunPublic, other: RunPublic) -> Iterator[Row]:
    """Another name, or other contents under the same one."""
    if one.data != other.data:
        yield Row("Data", "name", one.data, other.data)
    elif one.data_fingerprint != other.data_fingerprint:
        yield Row("Data", "contents", *(_contents(run.data_fingerprint) for run in (one, other)))


def _contents(fingerprint: str | None) -> str:
    return DASH if fingerprint is None else fingerprint[:12]
