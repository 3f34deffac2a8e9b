"""A worker whose training is arithmetic and whose checkpoints take a while, so that a kill can hit anything.

`python -m tests.app.slow_worker RUN`. Some batch sizes stand for something that goes wrong at step 10.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from app import worker
from app.jobs import LocalEngine
from app.paths import data_root
from core.data import load as data
from core.design.facts import DataFacts, Event, MetricsRow
from core.design.files import MODEL, OPTIMIZER, STATE, seal, sync, write_whole
from core.design.plan import Plan
from storage import files

COMMAND = ("-m", "tests.app.slow_worker")
SIZE = 5000
#: Batches that stand for what can go wrong.
REFUSED, DEFECT, FULL_DISK, LONG_STEP = 3, 5, 7, 9


class RefusedError(Exception):
    """A failure in words, as the real trainer's."""


def load(name: str, root: Path) -> Any:
    if name != "text":
        return data.load(name, root)
    facts = DataFacts(
        name=name, kind="text", domains=("a",), vocabulary=256, causal=True, fingerprint="f" * 64
    )
    return SimpleNamespace(facts=facts)


def resolve(design: Any, plan: Plan, dataset: Any) -> Plan:
    return plan.replaced(steps=plan.steps or 50, seconds=None, threads=1)


def advance(weights: Any, seed: int, step: int) -> Any:
    """One step, a pure function of the weights, the seed and the step."""
    noise = np.random.default_rng((seed, step)).normal(size=SIZE)
    return np.cos(weights * 1.7) + 0.1 * noise


def finished(plan: Plan) -> bytes:
    """The weights after all steps, never interrupted."""
    weights = np.zeros(SIZE)
    for step in range(1, (plan.steps or 0) + 1):
        weights = advance(weights, plan.seed, step)
    return weights.tobytes()


def train(
    folder: Path,
    design: Any,
    plan: Plan,
    dataset: Any,
    *,
    emit: Callable[..., None],
    wanted: Callable[[], str],
) -> str:
    begin = files.newest_checkpoint(folder) or 0
    weights = np.zeros(SIZE)
    if begin:
        weights = np.frombuffer((folder / "checkpoints" / str(begin) / MODEL).read_bytes())
    for step in range(begin + 1, (plan.steps or 0) + 1):
        weights = advance(weights, plan.seed, step)
        time.sleep(0.01)
        if step == 10:
            misbehave(plan.batch)
        emit(MetricsRow(step=step, seconds=step * 0.01, loss=float(np.square(weights).mean())))
        wish = wanted()
        if wish != "run" or step % plan.checkpoint_every == 0 or step == plan.steps:
            save(folder / "checkpoints", step, weights.tobytes())
            emit(Event(step=step, kind="checkpoint", text=f"Saved step {step}."))
        if wish != "run":
            return {"pause": "paused", "stop": "stopped"}[wish]
    return "done"


def misbehave(batch: int) -> None:
    if batch == LONG_STEP:
        time.sleep(3)
    if batch == REFUSED:
        raise RefusedError("Loss became NaN at step 10. To fix this, lower the rate.")
    if batch == DEFECT:
        raise KeyError("scores_TE")
    if batch == FULL_DISK:
        raise OSError(28, "No space left on device")


def save(checkpoints: Path, step: int, content: bytes) -> None:
    """In pieces, so that a kill finds it half written."""
    unfinished = checkpoints / f".{step}.{os.getpid()}"
    unfinished.mkdir(parents=True)
    half = len(content) // 2
    with (unfinished / MODEL).open("wb") as file:
        for piece in (content[:half], content[half:]):
            file.write(piece)
            file.flush()
            time.sleep(0.03)
        os.fsync(file.fileno())
    write_whole(unfinished / OPTIMIZER, b"")
    write_whole(unfinished / STATE, json.dumps(seal(unfinished, step)))
    target = checkpoints / str(step)
    shutil.rmtree(target, ignore_errors=True)
    unfinished.rename(target)
    sync(checkpoints)


def trainer() -> worker.Trainer:
    return worker.Trainer(load, resolve, train, files.newest_checkpoint, (RefusedError,))


if __name__ == "__main__":
    sys.exit(worker.main(sys.argv[1], LocalEngine(data_root(), COMMAND), trainer))
