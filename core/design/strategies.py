"""Edits that write explicit numbers by a rule: width strategies and fine-graining."""

from __future__ import annotations

from typing import Any, Literal

from core.design.base import field
from core.design.edit import EDIT, Edit
from core.design.pointer import PointerError, get
from core.design.routing.select.base import SELECT


def _moe(document: Any, path: str) -> dict[str, Any]:
    body = get(document, path)
    if not isinstance(body, dict) or body.get("kind") != "moe":
        raise PointerError(f"no MoE layer stands at {path!r}")
    return body


def _rounded(number: float, multiple: int = 1) -> int:
    return max(multiple, round(number / multiple) * multiple)


@EDIT.register
class Widths(Edit):
    """Write explicit expert widths by a rule, keeping the sum of widths up to rounding.

    `ratio` is widest over narrowest; `multiple` rounds. Strategies of HMoE (arXiv 2408.10681).
    """

    kind: Literal["widths"] = "widths"
    path: str = field(max_length=400)
    strategy: Literal["equal", "arithmetic", "geometric"] = field("equal")
    ratio: float = field(2.0, ge=1, le=64)
    multiple: int = field(8, ge=1, le=1024)

    def write(self, document: Any) -> Any:
        body = _moe(document, self.path)
        flat = [{**group, "count": 1} for group in body["experts"] for _ in range(group.get("count", 1))]
        wide = [expert for expert in flat if "hidden" in expert]
        if not wide:
            raise PointerError("these experts have no widths")
        total = sum(expert["hidden"] for expert in wide)
        shares = self._shares(len(wide))
        for expert, share in zip(wide, shares, strict=True):
            expert["hidden"] = _rounded(total * share / sum(shares), self.multiple)
        body["experts"] = _grouped(flat)
        return document

    def _shares(self, n: int) -> list[float]:
        if self.strategy == "equal" or n == 1:
            return [1.0] * n
        if self.strategy == "arithmetic":
            return [1 + (self.ratio - 1) * i / (n - 1) for i in range(n)]
        return [self.ratio ** (i / (n - 1)) for i in range(n)]


def _grouped(flat: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Neighbouring equal experts as one group."""
    groups: list[dict[str, Any]] = []
    for expert in flat:
        same = groups and {**groups[-1], "count": 1} == expert
        if same:
            groups[-1]["count"] += 1
        else:
            groups.append(dict(expert))
    return groups


@EDIT.register
class FineGrain(Edit):
    """Cut each expert into `factor` narrower ones and select `factor` times as many (arXiv 2401.06066)."""

    kind: Literal["fine_grain"] = "fine_grain"
    path: str = field(max_length=400)
    factor: int = field(2, ge=2, le=64)

    def write(self, document: Any) -> Any:
        body = _moe(document, self.path)
        for group in body["experts"]:
            if group.get("hidden", self.factor) % self.factor:
                raise PointerError(
                    f"a width of {group['hidden']} cannot be cut into {self.factor} equal parts"
                )
        for group in body["experts"]:
            group["count"] = group.get("count", 1) * self.factor
            if "hidden" in group:
                group["hidden"] //= self.factor
        select = body["router"]["select"]
        counted = SELECT.members[select["kind"]].model_fields.get("k")
        k = None if counted is None else select.get("k", counted.default)
        if isinstance(k, int):
            select["k"] = k * self.factor
        return document
