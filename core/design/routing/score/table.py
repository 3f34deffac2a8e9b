"""A fixed table from token id (or a hash of the state) to expert: hash layers (arXiv 2106.04426)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from core.design.base import Weight, field
from core.design.problems import Problem, Site
from core.design.routing.score.base import SCORE, Score


@SCORE.register
class TableScore(Score):
    """No parameters. `token` hashes token ids, `lsh` hidden states by random planes (ours); `domain` is told
    where an example came from: a control that no model may use."""

    learns = False
    bends = False
    kind: Literal["table"]
    source: Literal["token", "lsh", "domain"] = field("token")
    seed: int = field(0, ge=0, le=2**31 - 1, advanced=True)

    def weights(self, width: int, experts: int, islands: int) -> Iterator[Weight]:
        yield from ()

    def rules(self, site: Site) -> Iterator[Problem]:
        if self.source == "token" and site.design.task.kind != "language_model":
            yield site.error(
                "table-continuous",
                "A token table needs token ids, and this task's inputs are numbers.",
                "To fix this, hash the hidden state (lsh).",
                edits=(site.set("source", "lsh", label="Hash the state"),),
                at="source",
            )
        if self.source == "domain" and site.stage.startswith("export"):
            yield site.error(
                "table-oracle",
                "This router is told each example's domain, and nobody tells it to an exported model.",
                "To fix this, hash the hidden state (lsh).",
                edits=(site.set("source", "lsh", label="Hash the state"),),
                at="source",
                stage=site.stage,
            )
        if site.moe is not None:
            yield from self._router_rules(site.moe.router, site.up())

    def _router_rules(self, router: Any, site: Site) -> Iterator[Problem]:
        if not router.select.looks_up:
            yield site.error(
                "table-select",
                f"A table names the expert, and {router.select.kind} selection would take others too.",
                "To fix this, select by the table.",
                edits=(site.set("select", {"kind": "table"}, label="Select by the table"),),
                at="select",
            )
        if self.source != "lsh" and router.scope != "token":
            yield site.error(
                "table-scope",
                f"A table has an expert for each token, and this router decides for a whole {router.scope}.",
                "To fix this, route each token.",
                edits=(site.set("scope", "token", label="Route each token"),),
                at="scope",
            )
