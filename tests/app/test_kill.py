"""kill -9 of workers and servers at any moment: no lost run, no corrupt file, the same weights at the end.

Kills during a migration are in tests/storage/test_database.py.
"""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.processes import ROOT, lives
from core.design.files import checkpoint_steps
from core.design.plan import Plan
from storage import database, metrics
from storage.records import RunPublic
from storage.status import ACTIVE, Status
from tests.app import slow_worker
from tests.app.conftest import TINY, Studio, plan

SERVER = """
import sys, time
from pathlib import Path
from app.jobs import LocalEngine
from core.design.plan import Plan
from tests.app import slow_worker
engine = LocalEngine(Path(sys.argv[1]), slow_worker.COMMAND)
print(engine.start(sys.argv[2], Plan.model_validate_json(sys.argv[3]), "text", "request"), flush=True)
while True:
    engine.reap()
    time.sleep(0.2)
"""


def start_server(root: Path, wanted: Plan) -> tuple[subprocess.Popen[str], str]:
    """A server that starts the run, and its id."""
    command = [sys.executable, "-c", SERVER, str(root), TINY, wanted.model_dump_json()]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    return server, server.stdout.readline().strip()


def kill(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def nothing_is_broken(studio: Studio, run: RunPublic) -> None:
    """The database is sound, and every checkpoint that counts is whole and right."""
    connection = sqlite3.connect(studio.root / database.FILE)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    for step in checkpoint_steps(studio.root / "runs" / run.id):
        assert studio.weights(run.id, step) == slow_worker.finished(run.plan.replaced(steps=step))


def killed(studio: Studio, run: RunPublic) -> RunPublic:
    """Kill the worker of `run`; the run once it is known to be lost, or had just ended."""
    if lives(run.pid, run.pid_started):
        kill(run.pid)
    after = studio.wait(run.id, lambda now: now.status not in ACTIVE)
    assert after.status in {Status.LOST, Status.DONE}
    nothing_is_broken(studio, after)
    return after


def ends_well(studio: Studio, run_id: str) -> None:
    """Resumed as often as needed, the run ends as if nothing had happened."""
    if studio.run(run_id).status is not Status.DONE:
        studio.engine.resume(run_id)
    run = studio.wait(run_id, lambda now: now.status is Status.DONE)
    nothing_is_broken(studio, run)
    steps = run.total_steps or 0
    assert studio.weights(run_id, steps) == slow_worker.finished(run.plan)
    recorded = [row.step for row in metrics.read(studio.db, run_id)]
    assert recorded[-1] == steps
    assert sorted(set(recorded)) == recorded


def during_a_checkpoint(studio: Studio, run_id: str) -> RunPublic:
    """Wait until the worker is in the middle of writing a checkpoint."""
    run = studio.wait(run_id, lambda now: now.status in ACTIVE | {Status.DONE})
    checkpoints = studio.root / "runs" / run_id / "checkpoints"
    while lives(run.pid, run.pid_started) and not any(checkpoints.glob(f".*.{run.pid}/model.safetensors")):
        time.sleep(0.001)
    return run


def test_killed_at_random_and_in_a_checkpoint(studio: Studio) -> None:
    run_id = studio.start(plan(steps=150))
    chance = random.Random(5)
    studio.at_step(run_id, 1)
    time.sleep(chance.uniform(0, 0.3))
    lost = killed(studio, studio.run(run_id))
    assert lost.status is Status.LOST
    assert f"at step {lost.step}" in lost.message
    studio.engine.resume(run_id)
    lost = killed(studio, during_a_checkpoint(studio, run_id))
    assert lost.status is Status.LOST
    ends_well(studio, run_id)


def test_a_killed_server_takes_no_run_with_it(studio: Studio) -> None:
    server, run_id = start_server(studio.root, plan(steps=120))
    run = studio.at_step(run_id, 3)
    kill(server.pid)
    server.communicate()
    assert lives(run.pid, run.pid_started)
    later = studio.at_step(run_id, run.step + 5)
    assert (later.status, later.pid) == (Status.RUNNING, run.pid)
    killed(studio, later)
    ends_well(studio, run_id)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
def test_ten_kills_at_random_moments(studio: Studio, seed: int) -> None:
    chance = random.Random(seed)
    wanted = plan(steps=300, seed=seed)
    server, run_id = start_server(studio.root, wanted)
    for _ in range(10):
        what = chance.choice(["worker", "worker", "checkpoint", "server"])
        if what == "server":
            time.sleep(chance.uniform(0, 1.5))
            kill(server.pid)
            server.communicate()
            server, same = start_server(studio.root, wanted)
            assert same == run_id
            continue
        run = studio.wait(run_id, lambda now: now.status not in {Status.QUEUED})
        if run.status is Status.DONE:
            break
        if what == "checkpoint" and run.status in ACTIVE and run.step < 280:
            run = during_a_checkpoint(studio, run_id)
        else:
            time.sleep(chance.uniform(0, 1.0))
            run = studio.run(run_id)
        killed(studio, run)
        if studio.run(run_id).status is not Status.DONE:
            studio.engine.resume(run_id)
    kill(server.pid)
    server.communicate()
    ends_well(studio, run_id)
