"""Tasks composed of four hidden operations, and one more task that is only shown a few times.

F features, N examples, C classes, A operations, H folds of an operation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.data.examples import Examples
from core.data.generated.base import SEED, Generated, take_turns
from core.design.tasks.base import Head

FEATURES, CLASSES, FOLDS = 16, 6, 6
#: Which of the four operations each task is made of. Two families share their first operation.
SKILLS: dict[str, tuple[int, ...]] = {
    "left-1": (0,),
    "left-2": (0, 2),
    "left-3": (0, 3),
    "right-1": (1,),
    "right-2": (1, 2),
    "right-3": (1, 3),
    "new": (0, 1),
}
FAMILIES = ("left", "right")
KNOWN = len(SKILLS) - 1
#: How much each operation says: those that a family shares, twice as much as the others.
STRENGTH = np.array([2.0, 2.0, 1.0, 1.0])


@dataclass(frozen=True)
class Skills(Generated):
    """Operation a scores the classes of z ~ N(0, I) by (|z U_a| - 0.8) V_a, folds that no linear map has.

    A task adds the scores of its operations; the class is the largest sum. Every example is asked for one
    task and knows no other answer. Domains are the families. The new task is never asked here: `new` asks
    for nothing else. Both have a head for each of the seven, so a model of one can go on with the other.
    """

    new: bool = False

    @property
    def domains(self) -> tuple[str, ...]:
        return ("new",) if self.new else FAMILIES

    @property
    def heads(self) -> tuple[Head, ...]:
        return tuple(Head(name=task, kind="classes", size=CLASSES) for task in SKILLS)

    def draw(self) -> Examples:
        score_AFH, vote_AHC = operations()
        rng = np.random.default_rng([SEED, 6 if self.new else 5])
        size = self.n_train + self.n_held_out
        task_N = np.full(size, KNOWN) if self.new else take_turns(KNOWN, size)
        z_NF = rng.standard_normal((size, FEATURES))
        fold_NAH = np.abs(np.einsum("nf,afh->nah", z_NF, score_AFH)) - 0.8
        scores_NAC = STRENGTH[:, None] * np.einsum("nah,ahc->nac", fold_NAH, vote_AHC)
        class_N = (scores_NAC * uses()[task_N][:, :, None]).sum(1).argmax(1)
        return Examples(
            inputs=z_NF.astype(np.float32),
            targets={name: np.where(task_N == t, class_N, -1) for t, name in enumerate(SKILLS)},
            domain=np.zeros(size, np.int64) if self.new else task_N // (KNOWN // len(FAMILIES)),
            held_out=self.held,
            task=task_N,
        )


def operations() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """U [A, F, H] with columns of about unit length, and V [A, H, C]."""
    rng = np.random.default_rng([SEED, 7])
    score_AFH = rng.standard_normal((len(STRENGTH), FEATURES, FOLDS)) / FEATURES**0.5
    return score_AFH, rng.standard_normal((len(STRENGTH), FOLDS, CLASSES))


def uses() -> npt.NDArray[np.float64]:
    """Which operations [tasks, A] each task is made of, as 0 and 1."""
    table = np.zeros((len(SKILLS), len(STRENGTH)))
    for t, chosen in enumerate(SKILLS.values()):
        table[t, list(chosen)] = 1
    return table
