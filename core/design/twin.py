"""The dense twin of a design: what a token meets in each MoE layer, without a router."""

from __future__ import annotations

from core.design.bodies.moe import Moe
from core.design.edit import SetValue
from core.design.edits import apply
from core.design.problems import Problem
from core.design.spec import Design


def dense_twin(design: Design) -> Design | None:
    """`design` with a dense FFN in place of each MoE layer, as wide as the experts a token meets on average.

    Shared experts count, and experts of a narrower stream count less. None where no layer has experts with a
    width.
    """
    twin = design
    for placed in design.parts():
        moe = placed.part.body
        like = next((g for g in moe.experts if g.inner), None) if isinstance(moe, Moe) else None
        if not isinstance(moe, Moe) or like is None:
            continue
        routed = moe.per_token * sum(moe.widths()) / moe.count * moe.outer(design.width) / design.width
        hidden = max(1, round(routed + sum(group.count * group.inner for group in moe.shared)))
        expert = like.model_dump(mode="json") | {"count": 1, "hidden": hidden}
        dense = SetValue(path=f"{placed.pointer}/body", value={"kind": "dense", "expert": expert})
        edited = apply(twin, dense)
        if isinstance(edited, Problem):
            return None
        twin = edited
    return None if twin is design else twin.model_copy(update={"name": f"{design.name}, dense"[:80]})
