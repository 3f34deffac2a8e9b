import itertools

from storage import runs, work
from storage.database import Database
from storage.records import RunPublic
from storage.status import ACTIVE, RESUMABLE, SETTLED, TRANSITIONS, Status
from storage.tables import RunRow


def test_every_status_has_its_row() -> None:
    assert set(TRANSITIONS) == set(Status)
    assert ACTIVE | SETTLED | {Status.QUEUED} == set(Status)
    assert not ACTIVE & SETTLED


def test_only_done_is_final_and_the_killed_come_back() -> None:
    assert {status for status, after in TRANSITIONS.items() if not after} == {Status.DONE}
    assert {Status.PAUSED, Status.STOPPED, Status.LOST, Status.FAILED} == RESUMABLE
    assert all(Status.LOST in TRANSITIONS[status] for status in ACTIVE)


def test_move_does_the_legal_ones_only(db: Database, run: RunPublic) -> None:
    for before, to in itertools.product(Status, Status):
        with db.write() as session:
            work.changed(session, RunRow, RunRow.id == run.id, status=before.value)
            assert work.move(session, RunRow, run.id, to) is (to in TRANSITIONS[before])
        assert runs.get(db, run.id).status is (to if to in TRANSITIONS[before] else before)
