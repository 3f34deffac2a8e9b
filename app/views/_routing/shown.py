"""What every section of the Routing page is given."""

from dataclasses import dataclass

from app.routed import Routed
from storage.database import Database
from storage.records import RunPublic


@dataclass(frozen=True)
class Shown:
    """A run of a studio, with its newest trace where it has one. `unreadable`: it has a
    damaged one."""

    db: Database
    run: RunPublic
    routed: Routed | None
    unreadable: bool = False
