"""What a run begins from: parameters that stay as they are, and the weights of an earlier run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from torch import Tensor, nn

from core.design.files import newest_checkpoint
from core.design.override import PRESET
from core.design.plan import Plan, Taken
from core.design.saying import number
from core.train import checkpoint
from core.train.errors import TrainingError

#: The name of a run's folder: nothing that leads elsewhere.
RUN = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
#: Where in a name a router or balancer begins: below a numbered part, for a stack may be called `router` too.
ROUTING = re.compile(r"\.\d+\.body\.(router|balance)\.")


_TAKEN: Mapping[Taken, str] = {"everything": "weights", "routers": "routers"}


def freeze(model: nn.Module, prefixes: Sequence[str]) -> None:
    """Keep the parameters whose names begin with one of `prefixes` from training.

    A prefix ends where a part of a name ends: `decoder.1` is not `decoder.10`. Buffers, such as the bias of
    a balancer, are no parameters and go on.

    Raises TrainingError for a prefix that no name begins with, and if nothing is left to train.
    """
    for parameter in _named(model, prefixes):
        parameter.requires_grad_(False)


def frozen_from_start(model: nn.Module, plan: Plan) -> bool:
    """Freeze what the plan freezes, unless it does so later: then its names are only looked up.

    Raises TrainingError as `freeze` does, so a wrong name is found before the first step.
    """
    if plan.freeze_after:
        _named(model, plan.freeze)
        return False
    freeze(model, plan.freeze)
    return True


def _named(model: nn.Module, prefixes: Sequence[str]) -> list[nn.Parameter]:
    """The parameters under the prefixes."""
    parameters = dict(model.named_parameters())
    found: dict[str, nn.Parameter] = {}
    for prefix in prefixes:
        start = f"{prefix.rstrip('.')}."
        under = {name: p for name, p in parameters.items() if f"{name}.".startswith(start)}
        if not under or not prefix:
            raise TrainingError(_unknown(prefix, list(parameters)))
        found |= under
    if not any(p.requires_grad for name, p in parameters.items() if name not in found):
        raise TrainingError(
            "The plan freezes every parameter, so nothing is left to train. To fix this, freeze fewer."
        )
    return list(found.values())


def begin_from(model: nn.Module, run_folder: Path, run: str, taken: Taken = "everything") -> str:
    """Give `model` the weights of the newest whole checkpoint of `run`, a neighbour of `run_folder`.

    Routers and balancers may differ, so that trained experts can be routed in another way: what the two have
    alike is taken over, the rest of the router is as it was built. Optimizer and step count begin anew.
    With only `routers` taken, all else is as it was built: experts begin anew on routes that were learned
    (stage 2 of arXiv 2205.12701). Returns what was done, in words.

    Raises:
        TrainingError: no such run, no whole checkpoint of it, another name or shape outside routers, or no
            router alike where only routers are taken.
    """
    folder = run_folder.parent / run
    if not RUN.fullmatch(run) or run == run_folder.name or not folder.is_dir():
        raise TrainingError(
            f"There is no other run {run[:64]!r} to start from in this data folder. To fix this, set"
            " start_from to the whole id of a run that has trained."
        )
    if (folder / PRESET).exists():
        raise TrainingError(
            f"The run {run} was kept with experts switched off or on, and its weights alone are those of its"
            " parent. To fix this, start from the parent."
        )
    step = newest_checkpoint(folder)
    if step is None:
        raise TrainingError(
            f"The run {run} has no whole checkpoint to start from. To fix this, train it further, or start"
            " from another."
        )
    ours, theirs = checkpoint.tensors_of(model), checkpoint.load(folder, step).model
    if taken == "routers":
        theirs = {n: t for n, t in theirs.items() if _routes(n)}
    else:
        fixed, given = ({n: t for n, t in each.items() if not _routes(n)} for each in (ours, theirs))
        if difference := _difference(fixed, given):
            raise TrainingError(
                f"The weights of {run} do not fit this design: {difference}. To fix this, start from a run of"
                " this design, or of one that differs in its routers only."
            )
    alike = {n: t for n, t in theirs.items() if n in ours and ours[n].shape == t.shape}
    if not alike:
        raise TrainingError(
            f"No router of {run} fits one of this design. To fix this, start from a run with routers like"
            " these, or take everything over."
        )
    model.load_state_dict(alike, strict=False)
    text = f"Begins with the {_TAKEN[taken]} of step {number(step)} of {run}."
    if new := [name for name in ours if name not in alike]:
        text += f" New, as first drawn: {_listed(new)}."
    if left := [name for name in theirs if name not in alike and name not in ours]:
        text += f" Left behind: {_listed(left)}."
    return text


def _routes(name: str) -> bool:
    """Whether a tensor belongs to a router or a balancer."""
    return ROUTING.search(name) is not None


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


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
