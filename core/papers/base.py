"""What a paper's file says: the method in our words, and the experiment that tests its claim, as data.

An experiment compares arms: a base design with a routing method and edits, trained with a plan on a data set,
once for each seed. An expectation is an inequality between two arms' measures, or of one with a number.
"""

from __future__ import annotations

from typing import Literal

from core.design.base import Spec, field

#: `planned` while the part of the studio that the paper is about is not built.
Status = Literal["built", "planned"]


class Arm(Spec):
    """One way to train. `method` names a routing method ("" leaves the base design's router as it is).

    `sets` are assignments after it, as on the command line: `/POINTER` of the design or `plan.NAME` to a JSON
    value; the pointer `/moe/...` stands for every MoE layer's body. `start_from` names another arm, whose
    trained weights of the same seed this one begins with.
    """

    name: str = field(min_length=1, max_length=40)
    title: str = field(min_length=1, max_length=80)
    method: str = field("", max_length=40)
    sets: dict[str, object] = field({})
    start_from: str | None = None
    data: str | None = field(None, max_length=80)

    def __hash__(self) -> int:
        return hash(self.name)


class Expect(Spec):
    """`left < factor * right + margin` or, with `above`, the other way round; paired by seed.

    `measure` names what is compared, one of `core.claims.naming`, `right` another arm; with `right` empty the
    right side is the margin alone. `right_measure` where the two sides measure differently. `claim` says
    in words what it would show. `firm` marks the directions that decide the verdict; the others are reported
    beside it.
    """

    claim: str = field(min_length=1, max_length=200)
    measure: str = field(min_length=1, max_length=80)
    left: str
    relation: Literal["below", "above"]
    right: str = ""
    right_measure: str = field("", max_length=80)
    factor: float = 1.0
    margin: float = 0.0
    firm: bool = True


class Experiment(Spec):
    """What is run to test a claim. The first expectation names the effect that the board shows first.

    `base` is a preset or generated design's name; `minutes` is the budget of all arms and seeds on two cores.
    `caveat` says why a small experiment may come out otherwise than the paper.
    """

    id: str = field(pattern=r"^x\d+$")
    title: str = field(min_length=1, max_length=100)
    base: str = field(min_length=1, max_length=80)
    data: str = field(min_length=1, max_length=80)
    arms: tuple[Arm, ...] = field(min_length=1, max_length=12)
    expects: tuple[Expect, ...] = field(min_length=1, max_length=12)
    seeds: int = field(5, ge=1, le=100)
    plan: dict[str, object] = field({})
    minutes: float = field(10.0, gt=0, le=600)
    caveat: str = field(min_length=1, max_length=600)

    def __hash__(self) -> int:
        return hash(self.id)


class Paper(Spec):
    """One paper. `formula` is LaTeX; `presets` are names of routing methods or of published architectures.

    `short` is what people call the method.
    """

    name: str = field(pattern=r"^[a-z0-9_]+$", max_length=40)
    short: str = field(min_length=1, max_length=40)
    title: str = field(min_length=1, max_length=200)
    source: str = field(min_length=1, max_length=60, unit="arXiv id or venue")
    year: int = field(ge=1990, le=2100)
    status: Status
    summary: str = field(min_length=1, max_length=1200)
    formula: str = field("", max_length=800)
    good_for: str = field(min_length=1, max_length=400)
    cost: str = field(min_length=1, max_length=400)
    claim: str = field(min_length=1, max_length=400)
    presets: tuple[str, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    note: str = field("", max_length=600)
