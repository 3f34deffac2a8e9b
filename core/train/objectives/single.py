"""One pass."""

from __future__ import annotations

from core.design.plan import Single as SingleSpec
from core.train.objective import total
from core.train.objectives.base import OBJECTIVES, Objective, Outcome, Work, backward, balanced


@OBJECTIVES.register(SingleSpec)
class Single(Objective):
    """L = sum over heads of weight times mean loss, plus the balancers."""

    def __init__(self, spec: SingleSpec) -> None:
        pass

    def run(self, work: Work) -> Outcome:
        output, heads = work.forward()
        loss = total(heads)
        backward(balanced(output, loss))
        losses = {"loss": loss.item()} | {name: value.item() for name, value in output.losses.items()}
        return Outcome(losses, heads, output.records)
