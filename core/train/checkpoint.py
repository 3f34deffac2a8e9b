"""Checkpoints: `checkpoints/<step>/{model,optimizer}.safetensors + state.json`, complete or not there at all.

Written into a folder whose name begins with a dot, synced, renamed; `core.design.files` tells whether one is
whole. No pickle; no random state, because every random
number is a function of (seed, step).
"""

from __future__ import annotations

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

from core.design.files import (
    MODEL,
    OPTIMIZER,
    STATE,
    beside,
    checkpoint_state,
    checkpoint_steps,
    seal,
    sync,
)
from core.train.errors import CheckpointError

KEPT = 2


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
    for step in checkpoint_steps(run_folder)[:-KEPT]:
        _drop(target.parent / str(step))
    return size


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
    own = {"design": checkpoint.design, "plan": checkpoint.plan, "extra": checkpoint.extra}
    return seal(folder, checkpoint.step) | own


def _verified(folder: Path) -> dict[str, Any]:
    """state.json of a checkpoint whose files are what it says. Raises CheckpointError."""
    if not (folder / STATE).is_file():
        raise CheckpointError(
            f"There is no checkpoint of step {folder.name}. To fix this, choose a step that was kept."
        )
    state = checkpoint_state(folder)
    if state is None:
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


def sweep(run_folder: Path) -> None:
    """Remove what a killed process left half-written."""
    for path in (run_folder / "checkpoints").glob(".*"):
        shutil.rmtree(path, ignore_errors=True)
