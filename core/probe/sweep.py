"""The question `sweep`: do the distinctive experts of a domain matter more than others of like usage?

The experts were chosen on the first part of the held-out examples (question `trace`, part "first"); what
switching them off does is measured on the second, so that the choice cannot flatter itself. After the
functional resonance imaging of arXiv 2502.11096.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from core.analysis.controls import usage_matched
from core.analysis.errors import AnalysisError
from core.design.base import Spec, field
from core.design.override import Override
from core.probe.answers import Sweep, SweepStep
from core.probe.errors import ProbeError
from core.probe.losses import interval, losses
from core.probe.parts import banks
from core.probe.subject import Subject
from core.probe.trace import part_of
from core.trace.collect import pass_of

Floats = npt.NDArray[np.float64]
Cell = tuple[str, int]

RESAMPLES = 4000
#: Held-out examples of a domain: two to choose on, two to test on.
FEWEST = 4


class Ask(Spec):
    """`cells` (path, expert), the most distinctive first; `sizes` of them are switched off in turn, against
    `draws` of controls. `target` is the domain that they are distinctive of."""

    target: str
    cells: tuple[Cell, ...] = field(min_length=1, max_length=512)
    sizes: tuple[int, ...] = field((1, 2), min_length=1, max_length=16)
    draws: int = field(20, ge=2, le=100)
    examples: int | None = field(None, ge=4, le=4096)
    seed: int = field(0, ge=0, le=2**31 - 1)


def answer(subject: Subject, ask: Ask) -> Sweep:
    """A step for each size. Raises ProbeError."""
    domains = subject.dataset.facts.domains
    subject.task_of(ask.target)  # says where the target is no domain
    if not all(1 <= size <= len(ask.cells) for size in ask.sizes):
        raise ProbeError(
            f"Sizes are {', '.join(map(str, ask.sizes))} and {len(ask.cells)} experts are named. To fix this,"
            f" use sizes from 1 to {len(ask.cells)}."
        )
    _known(subject, ask.cells)
    for name in domains:
        if (held := len(subject.held_out(name, ask.examples))) < FEWEST:
            raise ProbeError(
                f"The domain {name!r} has {held} held-out examples here, and half of them choose experts, the"
                f" other half tests them. To fix this, use at least {FEWEST} examples a domain."
            )
    load_LE = subject.once(("usage", ask.examples), lambda: _usage(subject, ask.examples))
    steps = tuple(_step(subject, ask, load_LE, size) for size in ask.sizes)
    return Sweep(subject.run, subject.step, ask.target, domains, steps)


def _known(subject: Subject, cells: Sequence[Cell]) -> None:
    layers = banks(subject)
    for path, expert in cells:
        if path not in layers or not 0 <= expert < layers[path]:
            raise ProbeError(
                f"There is no expert {expert} in layer {path[:60]!r}. To fix this, name experts of"
                f" {', '.join(layers)}."
            )


def _usage(subject: Subject, examples: int | None) -> Floats:
    """Choices of every expert on the first part of all domains [L, E], NaN where a layer has fewer."""
    layers = banks(subject)
    counts = {path: torch.zeros(experts) for path, experts in layers.items()}
    with subject.overridden():
        for number, name in enumerate(subject.dataset.facts.domains):
            for piece in part_of(subject.held_out(name, examples), "first").pieces(subject.plan.batch):
                passing = pass_of(
                    piece, number + 1, step=subject.step, progress=subject.progress, record="counts"
                )
                for path, found in subject.model(torch.from_numpy(piece.inputs), passing).records.items():
                    if path in counts and found.selected_E is not None:
                        counts[path] += found.selected_E
    load_LE = np.full((len(layers), max(layers.values())), np.nan)
    for row, own_E in zip(load_LE, counts.values(), strict=True):
        row[: len(own_E)] = own_E.numpy()
    return load_LE


def _step(subject: Subject, ask: Ask, load_LE: Floats, size: int) -> SweepStep:
    paths = list(banks(subject))
    chosen = ask.cells[:size]
    numbered = [(paths.index(path), expert) for path, expert in chosen]
    try:
        controls = usage_matched(load_LE, numbered, ask.draws, ask.seed)
    except AnalysisError as error:
        raise ProbeError(str(error)) from error
    domains = subject.dataset.facts.domains
    own = [_rise(subject, ask, name, chosen) for name in domains]
    draws = [[(paths[layer], expert) for layer, expert in draw.tolist()] for draw in controls.cells_DC2]
    others = [[_rise(subject, ask, name, draw) for name in domains] for draw in draws]
    ends = [interval(rise_B) or (np.nan, np.nan) for rise_B in own]
    target = domains.index(ask.target)
    rise_S, rise_DS = own[target], np.stack([draw[target] for draw in others])
    ratio, difference = _against(rise_S, rise_DS, ask.seed)
    return SweepStep(
        size=size,
        cells=tuple(chosen),
        delta_N=np.array([rise_B.mean() for rise_B in own], np.float32),
        low_N=np.array([low for low, _ in ends], np.float32),
        high_N=np.array([high for _, high in ends], np.float32),
        control_DN=np.array([[rise_B.mean() for rise_B in draw] for draw in others], np.float32),
        usage=controls.usage,
        usage_D=controls.usage_D.astype(np.float32),
        ratio=ratio[0],
        ratio_low=ratio[1],
        ratio_high=ratio[2],
        difference=difference[0],
        difference_low=difference[1],
        difference_high=difference[2],
    )


def _rise(subject: Subject, ask: Ask, domain: str, cells: Sequence[Cell]) -> Floats:
    """Rise of the loss of each sequence of the second part with these experts off."""
    batch = part_of(subject.held_out(domain, ask.examples), "second")
    off: dict[str, Override] = {}
    for path, expert in cells:
        off[path] = Override(suppress=(*(off[path].suppress if path in off else ()), expert))
    key = ("second", domain, ask.examples)
    before_B = subject.once(key, lambda: losses(subject, batch, {}))
    return losses(subject, batch, off) - before_B


def _against(
    rise_S: Floats, rise_DS: Floats, seed: int
) -> tuple[tuple[float | None, float | None, float | None], tuple[float, float, float]]:
    """(ratio, difference) of the mean rise to that of the controls, each with the ends of its interval."""
    rng = np.random.default_rng([seed, len(rise_S)])
    draws, sequences = rise_DS.shape
    times_BS = rng.multinomial(sequences, np.full(sequences, 1 / sequences), RESAMPLES) / sequences
    times_BD = rng.multinomial(draws, np.full(draws, 1 / draws), RESAMPLES) / draws
    own_B = times_BS @ rise_S
    other_B = ((times_BD @ rise_DS) * times_BS).sum(1)
    low, high = np.quantile(own_B - other_B, [0.025, 0.975]).tolist()
    own, other = float(rise_S.mean()), float(rise_DS.mean())
    difference = (own - other, low, high)
    if other <= 0:
        return (None, None, None), difference
    ratio_B = np.full(RESAMPLES, np.inf)
    np.divide(own_B, other_B, out=ratio_B, where=other_B > 0)
    low, high = np.quantile(ratio_B, [0.025, 0.975], method="lower").tolist()
    return (own / other, low, high if np.isfinite(high) else None), difference
