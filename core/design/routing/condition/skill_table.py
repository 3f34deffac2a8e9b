"""Which skills each task uses, as a 0/1 table (SkillNet, arXiv 2203.03312)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from core.design.base import field
from core.design.problems import Problem, Site
from core.design.routing.condition.base import CONDITION, Condition

#: Experts a task may name.
MOST = 4096


@CONDITION.register
class SkillTable(Condition):
    """`rows[task]` lists the experts a task uses; the logits of all others become minus infinity."""

    kind: Literal["skill_table"]
    rows: dict[str, tuple[int, ...]] = field({}, form="table")

    def __hash__(self) -> int:
        # The only dict of the vocabulary: with it hashed, a whole design can be a cache key.
        return hash((self.kind, tuple(self.rows.items())))

    def rules(self, site: Site) -> Iterator[Problem]:
        yield from super().rules(site)
        names = site.design.task.task_names
        experts = site.moe.count if site.moe else MOST
        edit = site.set("rows", self._mended(names, experts), label="Mend the table")
        broken = next(((name, row) for name, row in self.rows.items() if not _fits(row, experts)), None)
        if broken is not None:
            name, row = broken
            wrong = "names no expert" if not row else f"names {_listed(row)}"
            yield site.error(
                "skills-row",
                f"The table's row for {name[:60]!r} {wrong}; a task uses one or more of the experts"
                f" 0 to {experts - 1}, each named once.",
                "To fix this, name experts that are there.",
                edits=(edit,),
                at="rows",
            )
        missing = [name for name in names if name not in self.rows]
        if missing:
            yield site.error(
                "skills-task",
                f"The table says nothing about the task {missing[0][:60]!r}, so it could not be routed.",
                "To fix this, add a row for each task.",
                edits=(edit,),
                at="rows",
                stage="train",
            )
        if site.moe is not None and not site.moe.router.select.looks_up:
            router = site.up()
            mean = max(1, round(sum(map(len, self.rows.values())) / max(1, len(self.rows))))
            select = {"kind": "table", "per_token": mean}
            yield router.error(
                "skills-select",
                "A task uses exactly the experts of its row, and this selection picks others or fewer.",
                "To fix this, select by the table.",
                edits=(router.set("select", select, label="Select by the table"),),
                at="select",
            )

    def _mended(self, names: tuple[str, ...], experts: int) -> dict[str, Any]:
        """The rows with experts that are there only; tasks without a row get as many as the others have."""
        kept = {name: sorted({e for e in row if 0 <= e < experts}) or [0] for name, row in self.rows.items()}
        each = round(sum(map(len, kept.values())) / len(kept)) if kept else 2
        fresh = in_turn(names, experts, max(2, each))
        return kept | {name: fresh[name] for name in names if name not in kept}


def in_turn(names: Sequence[str], experts: int, each: int) -> dict[str, list[int]]:
    """A row of `each` experts a task: the first is the general skill of all, the others take turns."""
    others, own = experts - 1, min(each, experts) - 1
    return {
        name: sorted({0, *(1 + (i * own + j) % others for j in range(own))}) for i, name in enumerate(names)
    }


def _fits(row: tuple[int, ...], experts: int) -> bool:
    return bool(row) and len(set(row)) == len(row) and all(0 <= expert < experts for expert in row)


def _listed(row: tuple[int, ...]) -> str:
    return ", ".join(map(str, row[:12])) + (", ..." if len(row) > 12 else "")
