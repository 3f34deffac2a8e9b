"""A fixed table from token id (or a hash of the state) to expert: hash layers (arXiv 2106.04426)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight, field
from core.design.problems import Problem, Site
from core.design.routing.score.base import SCORE, Score


@SCORE.register
class TableScore(Score):
    """No parameters. `token` hashes token ids, `lsh` hidden states by random planes;"
    " `domain` is the oracle."""

    trainable = False
    learns = False
    reads_ids = True
    kind: Literal["table"]
    source: Literal["token", "lsh", "domain"] = field("token")
    seed: int = field(0, ge=0, le=2**31 - 1, advanced=True)

    def weights(self, width: int, experts: int) -> Iterator[Weight]:
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
