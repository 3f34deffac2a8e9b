"""Best islands first, then the best experts inside (DeepSeek-V3, arXiv 2412.19437; SAM, arXiv 2110.07431)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import field
from core.design.edit import Edit
from core.design.problems import Problem, Site
from core.design.routing.select.base import SELECT, Select
from core.design.routing.select.top_k import too_many


@SELECT.register
class GroupTopK(Select):
    """`k` experts from the `top_islands` best islands, which score the sum, max or top-2 sum of their own."""

    steered = True
    kind: Literal["group_top_k"]
    k: int = field(8, ge=1, le=4096, symbol="K", unit="experts per token")
    top_islands: int = field(4, ge=1, le=4096, unit="islands")
    island_score: Literal["sum", "max", "top2_sum"] = field("top2_sum")

    def fewest(self, experts: int) -> int:
        return min(self.k, experts)

    def most(self, experts: int) -> int:
        return min(self.k, experts)

    def reach(self, islands: int) -> int:
        return min(self.top_islands, islands)

    def instead(self, site: Site) -> Edit:
        return site.set("", {"kind": "top_k", "k": self.k}, label="Use top-k")

    def rules(self, site: Site) -> Iterator[Problem]:
        moe = site.moe
        if moe is None:
            return
        if self.k > moe.count:
            yield too_many(site, self.k, moe.count)
            return
        if self.top_islands > moe.islands:
            yield site.error(
                "islands-too-many",
                f"The best {self.top_islands} islands are asked for, and the layer has {moe.islands}.",
                f"To fix this, keep at most {moe.islands}.",
                edits=(site.set("top_islands", moe.islands, label=f"Keep {moe.islands}"),),
                at="top_islands",
            )
            return
        reach = self.top_islands * (moe.count // moe.islands)
        if self.k > reach:
            yield site.error(
                "k-over-islands",
                f"Top-k {self.k} is more than the {reach} experts of {self.top_islands} islands.",
                f"To fix this, pick at most {reach} or allow all islands.",
                edits=(
                    site.set("k", max(1, reach), label=f"Set top-k to {max(1, reach)}"),
                    site.set("top_islands", moe.islands, label="Allow all islands"),
                ),
                at="k",
            )
