"""The question `experts`: weights and outputs of a layer's experts, to compare them with each other."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from core.design.base import Spec, field
from core.model.experts import ExpertBank, StackedExperts
from core.probe.answers import Experts
from core.probe.losses import chosen_domains
from core.probe.parts import Seen, moe_layers, selecting_layer, watched
from core.probe.subject import Subject
from core.trace.collect import pass_of

#: Numbers in the outputs of an answer, at most.
MOST_NUMBERS = 2**22


class Ask(Spec):
    """A layer by its path, the last routed one where none is named; on how many tokens experts are compared,
    fewer where outputs of so many would not fit."""

    path: str | None = None
    tokens: int = field(512, ge=2, le=16_384)
    examples: int = field(8, ge=1, le=256)
    seed: int = field(0, ge=0, le=2**31 - 1)


def answer(subject: Subject, ask: Ask) -> Experts:
    """All arrays of the layer. Raises ProbeError."""
    path = selecting_layer(subject, ask.path)
    layer = moe_layers(subject.model)[path]
    load_E = torch.zeros(layer.experts.count, dtype=torch.long)
    read = []
    with subject.overridden(), watched(subject.model) as seen:
        for name in chosen_domains(subject, ()):
            batch = subject.held_out(name, ask.examples)
            passing = pass_of(
                batch,
                int(batch.domain.max()) + 1,
                step=subject.step,
                progress=subject.progress,
                record="counts",
            )
            told = subject.model(torch.from_numpy(batch.inputs), passing).records[path]
            assert told.selected_E is not None
            load_E += told.selected_E
            read.append(_read(seen[path]))
    x_TD = torch.cat(read)
    most = max(2, MOST_NUMBERS // (layer.experts.count * x_TD.shape[1]))
    wanted = min(ask.tokens, most, len(x_TD))
    rows_N = np.sort(np.random.default_rng(ask.seed).choice(len(x_TD), wanted, replace=False))
    return Experts(
        run=subject.run,
        step=subject.step,
        path=path,
        neurons_E=_neurons(layer.experts),
        output_END=_outputs(layer.experts, x_TD[torch.from_numpy(rows_N)]).numpy(),
        load_E=load_E.numpy(),
        router_ED=_router_rows(layer.router.score, load_E.shape[0], x_TD.shape[1]),
    )


def _read(seen: Seen) -> Tensor:
    """What the layer read at real tokens."""
    return seen.x_TD if seen.context.mask_T is None else seen.x_TD[seen.context.mask_T]


def _outputs(bank: ExpertBank, x_ND: Tensor) -> Tensor:
    return torch.stack([group.rows(x_ND, i).float() for group in bank.members() for i in range(group.count)])


def _neurons(bank: ExpertBank) -> tuple[np.ndarray, ...]:
    """Rows of hidden neurons, where every group keeps its experts as stacked matrices."""
    found: list[np.ndarray] = []
    for group in bank.members():
        if type(group) is not StackedExperts:
            return ()
        into, down, _, _ = group.tensors()
        halves = into.chunk(2, 1) if group.gated else (into,)
        found.extend(torch.cat((*halves, down.transpose(1, 2)), 2).float().numpy())
    return tuple(found)


def _router_rows(score: torch.nn.Module, experts: int, width: int) -> np.ndarray | None:
    weight = dict(score.named_parameters(recurse=False)).get("weight")
    if weight is None or tuple(weight.shape) != (experts, width):
        return None
    rows: np.ndarray = weight.float().numpy()
    return rows
