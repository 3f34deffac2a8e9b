from typing import Any

from storage import measurements, runs
from storage.database import Database
from storage.records import RunPublic

NAME, KEY = "d" * 64, "k" * 64


def keep(db: Database, **values: Any) -> None:
    fields: dict[str, Any] = {
        "key": KEY,
        "seed": 3,
        "run_id": None,
        "found": {"loss": 0.5, "cv": None},
        "figures": {"flops": 10.0},
        "environment": {"machine": "small"},
        "seconds": 2.0,
    }
    measurements.keep(db, NAME, **(fields | values))


def test_a_measurement_is_read_as_it_was_kept(db: Database, run: RunPublic) -> None:
    keep(db, run_id=run.id)
    found = measurements.read(db, [NAME, "e" * 64])
    assert list(found) == [NAME]
    assert (found[NAME].found, found[NAME].figures) == ({"loss": 0.5, "cv": None}, {"flops": 10.0})
    assert (found[NAME].run_id, found[NAME].seed, found[NAME].seconds) == (run.id, 3, 2.0)
    assert found[NAME].environment == {"machine": "small"}


def test_more_measures_of_the_same_run_are_added(db: Database) -> None:
    keep(db)
    keep(db, found={"nmi": 0.9}, seconds=1.0)
    found = measurements.read(db, [NAME])[NAME]
    assert (found.found, found.seconds) == ({"loss": 0.5, "cv": None, "nmi": 0.9}, 1.0)


def test_what_was_trained_otherwise_replaces_it(db: Database) -> None:
    keep(db)
    keep(db, key="n" * 64, found={"nmi": 0.9})
    found = measurements.read(db, [NAME])[NAME]
    assert (found.key, found.found, found.seconds) == ("n" * 64, {"nmi": 0.9}, 2.0)


def test_a_measurement_outlives_its_run(db: Database, run: RunPublic) -> None:
    keep(db, run_id=run.id)
    runs.erase(db, run.id)
    assert measurements.read(db, [NAME])[NAME].run_id is None
    keep(db, run_id=run.id, found={"nmi": 0.9})
    assert measurements.read(db, [NAME])[NAME].run_id is None
