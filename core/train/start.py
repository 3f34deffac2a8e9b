"""What a run begins from: parameters that stay as they are, and the weights of an earlier run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from torch import Tensor, nn

from core.design.files import newest_checkpoint
from core.train import checkpoint
from core.train.errors import TrainingError

#: The name of a run's folder: nothing that leads elsewhere.
RUN = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


def freeze(model: nn.Module, prefixes: Sequence[str]) -> None:
    """Keep the parameters whose names begin with one of `prefixes` from training.

    A prefix ends where a part of a name ends: `decoder.1` is not `decoder.10`. Buffers, such as the bias of
    a balancer, are no parameters and go on.

    Raises:
        TrainingError: a prefix that no name begins with, or nothing is left to train.
    """
    parameters = dict(model.named_parameters())
    for prefix in prefixes:
        under = [p for name, p in parameters.items() if f"{name}.".startswith(f"{prefix.rstrip('.')}.")]
        if not under or not prefix:
            raise TrainingError(_unknown(prefix, list(parameters)))
        for parameter in under:
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in parameters.values()):
        raise TrainingError(
            "The plan freezes every parameter, so nothing is left to train. To fix this, freeze fewer."
        )


def begin_from(model: nn.Module, run_folder: Path, run: str) -> int:
    """Give `model` the weights of the newest whole checkpoint of `run`, a neighbour of `run_folder`.

    Returns the step of that checkpoint. Optimizer and step count begin anew.

    Raises:
        TrainingError: no such run, no whole checkpoint of it, or one whose names or shapes differ.
    """
    folder = run_folder.parent / run
    if not RUN.fullmatch(run) or run == run_folder.name or not folder.is_dir():
        raise TrainingError(
            f"There is no other run {run[:64]!r} to start from in this data folder. To fix this, set"
            " start_from to the whole id of a run that has trained."
        )
    step = newest_checkpoint(folder)
    if step is None:
        raise TrainingError(
            f"The run {run} has no whole checkpoint to start from. To fix this, train it further, or start"
            " from another."
        )
    found = checkpoint.load(folder, step).model
    if difference := _difference(checkpoint.tensors_of(model), found):
        raise TrainingError(
            f"The weights of {run} do not fit this design: {difference}. To fix this, start from a run of"
            " this design, or train without start_from."
        )
    model.load_state_dict(found)
    return step


def _difference(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> str:
    """The first name or shape that differs, in words; empty where all agree."""
    for name, tensor in ours.items():
        if name not in theirs:
            return f"it has no {name}"
        if tensor.shape != theirs[name].shape:
            return f"{name} is {_shape(theirs[name])} there and {_shape(tensor)} here"
    extra = next((name for name in theirs if name not in ours), None)
    return "" if extra is None else f"it also has {extra}"


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a single number"


def _unknown(prefix: str, names: Sequence[str]) -> str:
    starts = {".".join(name.split(".")[:n]) for name in names for n in range(1, name.count(".") + 2)}
    # Parts of a name first: what is wrong is most often one number or word of a long name.
    near = get_close_matches(prefix, sorted(starts), n=3) or sorted({name.split(".")[0] for name in names})
    return (
        f"The plan freezes {prefix[:80]!r}, and no parameter's name begins so. To fix this, write for example"
        f" {', '.join(near)}."
    )
