"""Checkpoints: `checkpoints/<step>/{model,optimizer}.safetensors + state.json`, complete or not there at all.

Written into a folder whose name begins with a dot, synced, renamed. `state.json` names every file with its
size and sha256, so damage is found before it is loaded. No pickle; no random state, because every random
number is a function of (seed, step).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.trace.disk import beside, sync
from core.train.errors import CheckpointError

FORMAT = 1
KEPT = 2
MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds. `extra` is the loop's own: seconds, figures under way, the last rows."""

    step: int
    design: str
    plan: str
    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    extra: dict[str, Any]


def save(run_folder: Path, checkpoint: Checkpoint) -> int:
    """Write it, drop all but the newest two; its size in bytes. OSError if the disk is full."""
    target = run_folder / "checkpoints" / str(checkpoint.step)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = beside(target)
    try:
        temporary.mkdir()
        for name, tensors in ((MODEL, checkpoint.model), (OPTIMIZER, checkpoint.optimizer)):
            save_file(tensors, temporary / name, metadata={"step": str(checkpoint.step)})
            sync(temporary / name)
        (temporary / STATE).write_text(json.dumps(_state(temporary, checkpoint)))
        sync(temporary / STATE)
        sync(temporary)
        size = sum(path.stat().st_size for path in temporary.iterdir())
        _put(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    for step in steps(run_folder)[:-KEPT]:
        _drop(target.parent / str(step))
    return size


def steps(run_folder: Path) -> tuple[int, ...]:
    """Steps of the checkpoints that are there, in order; whether they are whole is for `newest` to say."""
    found = (run_folder / "checkpoints").glob(f"*/{STATE}")
    return tuple(sorted(int(path.parent.name) for path in found if path.parent.name.isdecimal()))


def newest(run_folder: Path) -> int | None:
    """Step of the newest checkpoint whose files have the size and sha256 that it says, or None."""
    for step in reversed(steps(run_folder)):
        try:
            _verified(run_folder / "checkpoints" / str(step))
        except CheckpointError:
            continue
        return step
    return None


def load(run_folder: Path, step: int) -> Checkpoint:
    """The checkpoint of a step. Raises CheckpointError if it is missing or damaged."""
    folder = run_folder / "checkpoints" / str(step)
    state = _verified(folder)
    try:
        model, optimizer = load_file(folder / MODEL), load_file(folder / OPTIMIZER)
    except (OSError, SafetensorError) as error:
        raise _damaged(folder) from error
    return Checkpoint(step, state["design"], state["plan"], model, optimizer, state["extra"])


def tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers that are part of the state, each once."""
    return {name: tensor.detach().contiguous() for name, tensor in model.state_dict().items()}


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state as `<parameter>/<entry>`; parameters never updated have none."""
    found = {}
    for name, parameter in model.named_parameters():
        for entry, value in optimizer.state.get(parameter, {}).items():
            found[f"{name}/{entry}"] = value.detach().contiguous()
    return found


def restore_optimizer(
    model: nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]
) -> None:
    """Give the optimizer the state that `optimizer_tensors` took."""
    parameters = dict(model.named_parameters())
    for key, tensor in tensors.items():
        name, entry = key.rsplit("/", 1)
        optimizer.state[parameters[name]][entry] = tensor


def _state(folder: Path, checkpoint: Checkpoint) -> dict[str, Any]:
    files = {
        name: {"bytes": (folder / name).stat().st_size, "sha256": _sha(folder / name)}
        for name in (MODEL, OPTIMIZER)
    }
    return {
        "format": FORMAT,
        "step": checkpoint.step,
        "design": checkpoint.design,
        "plan": checkpoint.plan,
        "files": files,
        "extra": checkpoint.extra,
    }


def _verified(folder: Path) -> dict[str, Any]:
    """state.json of a checkpoint whose files are what it says. Raises CheckpointError."""
    if not (folder / STATE).is_file():
        raise CheckpointError(
            f"There is no checkpoint of step {folder.name}. To fix this, choose a step that was kept."
        )
    try:
        state: dict[str, Any] = json.loads((folder / STATE).read_bytes())
        whole = state["format"] == FORMAT and str(state["step"]) == folder.name
        for name in (MODEL, OPTIMIZER):
            path, said = folder / name, state["files"][name]
            whole = whole and path.stat().st_size == said["bytes"] and _sha(path) == said["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder) from error
    if not whole:
        raise _damaged(folder)
    return state


def _damaged(folder: Path) -> CheckpointError:
    return CheckpointError(
        f"The checkpoint of step {folder.name} is damaged: its files are not what was written. To fix this,"
        " resume from an earlier one, or train again."
    )


def _put(temporary: Path, target: Path) -> None:
    """Rename into place; what stood there (the same step again, or a damaged one) moves away first."""
    if target.exists():
        _drop(target)
    temporary.rename(target)
    sync(target.parent)


def _drop(folder: Path) -> None:
    """Remove a checkpoint; it vanishes whole."""
    doomed = beside(folder)
    folder.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def _sha(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sweep(run_folder: Path) -> None:
    """Remove what a killed process left half-written."""
    for path in (run_folder / "checkpoints").glob(".*"):
        shutil.rmtree(path, ignore_errors=True)
