"""The fit: constants that minimise a robust error of logarithms, held by their priors; and cross-validation.

A fold leaves out every timing of one device (or of one model), end-to-end and kernel alike, fits all
constants anew on the rest, and predicts what was left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from core.cost.calibration.points import Kernels, Point
from core.cost.calibration.priors import PRIORS
from core.cost.efficiency import Class, Constants, Table, seconds, software, table
from core.cost.gpu import optimizer_bytes
from core.cost.network import Message, gradients, messages
from core.cost.works import works

Floats = NDArray[np.float64]
NAMES = tuple(PRIORS)
_MEAN = np.log([prior.value for prior in PRIORS.values()])
_SPREAD = np.array([prior.spread for prior in PRIORS.values()])
#: Errors beyond this much, in logarithms, count less and less.
_SCALE = 0.15
#: A series of one device, model and phase counts as at most so many points; all kernels as so many.
_SERIES, _KERNELS = 2.5, 40.0
#: Values of `together` at which bytes are computed; between them on straight lines.
_GRID = (0.7, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05)


@dataclass(frozen=True)
class Laid:
    """A point laid out once: columns of operators of each stage, their bytes on the grid, and messages."""

    point: Point
    kind: Class
    stages: tuple[Table, ...]
    bytes: tuple[Floats, ...]
    messages: tuple[Message, ...]
    gradients: tuple[Message, ...]
    optimizer: float
    weight: float = 1.0

    def at(self, c: Constants, kind: Class, stack: str | None) -> float:
        """Seconds under these constants: the sum that `gpu.step` gives."""
        load, on, v = self.point.load, self.point.on, c.values
        launch = c.launch(replace(load, stack=stack), kind)
        each = []
        for rows, grid in zip(self.stages, self.bytes, strict=True):
            moved = _between(grid, v["together"])
            compute, memory = seconds(replace(rows, bytes=moved), c, kind, on.bandwidth)
            each.append(float(np.sum(rows.times * (compute + memory + rows.kernels * launch))))
        sent = sum(message.seconds(on, c) for message in self.messages)
        host = c.of("step", kind)
        if load.phase != "train":
            return sum(each) + sent + host
        passes = load.micro_batches
        run = (max(each) + sent) * (passes + load.parallel.pp - 1)
        agreed = sum(message.seconds(on, c) for message in self.gradients) * (1 - v["overlap"])
        return run + agreed + self.optimizer / (on.bandwidth * v["memory"]) + host


def _between(grid: Floats, together: float) -> Floats:
    """Bytes at a value of `together`, on straight lines between the grid's."""
    place = float(np.clip(together, _GRID[0], _GRID[-1]))
    i = min(int(np.searchsorted(_GRID, place, side="right")) - 1, len(_GRID) - 2)
    share = (place - _GRID[i]) / (_GRID[i + 1] - _GRID[i])
    moved: Floats = grid[i] * (1 - share) + grid[i + 1] * share
    return moved


def lay(point: Point) -> Laid:
    """Everything of a point that constants do not change."""
    load, on = point.load, point.on
    counts = point.counts() if load.parallel.pp > 1 else point.counts().folded()
    kind = software(load, on)
    tried = [works(counts, load, together) for together in _GRID]
    return Laid(
        point,
        kind,
        tuple(table(stage, load, on, kind) for stage in tried[0]),
        tuple(np.array([[w.bytes for w in one[s]] for one in tried]) for s in range(load.parallel.pp)),
        messages(counts, load, on),
        gradients(counts, load, on),
        optimizer_bytes(counts, load) if load.phase == "train" else 0.0,
    )


def weighed(laid: Sequence[Laid]) -> tuple[Laid, ...]:
    """The same with weights that keep one long series from deciding alone."""
    many = Counter(_series(one.point) for one in laid)
    return tuple(replace(one, weight=min(1.0, _SERIES / many[_series(one.point)])) for one in laid)


def _series(point: Point) -> tuple[str, str, str]:
    return point.device, point.design, point.load.phase


def constants(theta: Floats, bands: Mapping[str, tuple[float, float]] | None = None) -> Constants:
    """Constants from logarithms in the order of `NAMES`."""
    values = dict(zip(NAMES, np.exp(theta).tolist(), strict=True))
    return Constants(values, bands or {}, frozenset())


def kernel_seconds(found: Kernels, rule: str, c: Mapping[str, float]) -> Floats:
    """Seconds of expert layers, distinct experts by a rule."""
    share = c["grouped"] * found.side / (found.side + c["side"])
    moved = found.touched(rule) * found.expert_bytes + found.moved
    launch = found.launches * c["launch.serving"]
    return found.flops / (found.peak * share) + moved / (found.bandwidth * c["memory"]) + launch


def ours(found: Kernels, c: Mapping[str, float]) -> Floats:
    """Our seconds: a balanced distribution is known to touch as many as it can, others are expected."""
    even = kernel_seconds(found, "most", c)
    return np.where(found.even, even, kernel_seconds(found, "expected", c))


def picked(found: Kernels, keep: NDArray[np.bool_]) -> Kernels:
    """Some of the timings."""
    return Kernels(**{name: column[keep] for name, column in vars(found).items()})


def fit(laid: Sequence[Laid], kernels: Kernels) -> Constants:
    """The constants of these timings."""
    cold = picked(kernels, ~kernels.warm)
    share = np.sqrt(_KERNELS / max(1, len(cold.seconds)))
    root = np.sqrt([one.weight for one in laid])
    logs = np.log([one.point.seconds for one in laid])

    def residuals(theta: Floats) -> Floats:
        c = constants(theta)
        off = np.log([one.at(c, one.kind, one.point.load.stack) for one in laid]) - logs
        kernel = np.log(ours(cold, c.values) / cold.seconds)
        return np.concatenate(
            [_soft(off / _SCALE) * root, _soft(kernel / _SCALE) * share, (theta - _MEAN) / _SPREAD]
        )

    return constants(least_squares(residuals, _MEAN, xtol=1e-6, ftol=1e-6).x)


def _soft(r: Floats) -> Floats:
    """Residuals whose squares are the soft L1 loss: quadratic near zero, linear far away."""
    found: Floats = np.sign(r) * np.sqrt(2 * (np.sqrt(1 + r * r) - 1))
    return found


@dataclass(frozen=True)
class Fold:
    """Out-of-fold estimates over published seconds: with the stack known, without, and of kernels."""

    group: str
    known: Mapping[str, float]
    unknown: Mapping[str, float]
    kernels: Floats
    left: NDArray[np.bool_]
    learned: Constants


Key = Callable[[Point], str]


def folds(
    laid: Sequence[Laid], kernels: Kernels, key: Key, column: NDArray[np.str_], others: Sequence[Laid] = ()
) -> tuple[Fold, ...]:
    """One fold for each group; `others` are predicted too, and never learned from."""
    groups = sorted({key(one.point) for one in (*laid, *others)} | {str(name) for name in column})
    found = []
    for group in groups:
        left = column == group
        c = fit([one for one in laid if key(one.point) != group], picked(kernels, ~left))
        out = [one for one in (*laid, *others) if key(one.point) == group]
        found.append(Fold(group, *both(out, c), _ratio(picked(kernels, left), c), left, c))
    return tuple(found)


def both(laid: Sequence[Laid], c: Constants) -> tuple[dict[str, float], dict[str, float]]:
    """Estimated over published seconds by id: with the stack known, and without."""
    known = {one.point.id: one.at(c, one.kind, one.point.load.stack) / one.point.seconds for one in laid}
    unknown = {}
    for one in laid:
        kind = software(replace(one.point.load, stack=None), one.point.on)
        again = one if kind == one.kind else _relaid(one, kind)
        unknown[one.point.id] = again.at(c, kind, None) / one.point.seconds
    return known, unknown


def _relaid(one: Laid, kind: Class) -> Laid:
    """For another class: which weights must be widened."""
    load, on, counts = one.point.load, one.point.on, one.point.counts()
    counts = counts if load.parallel.pp > 1 else counts.folded()
    return replace(one, stages=tuple(table(stage, load, on, kind) for stage in works(counts, load)))


def _ratio(found: Kernels, c: Constants) -> Floats:
    return ours(found, c.values) / found.seconds if len(found.seconds) else np.empty(0)
