"""Next-token prediction over bytes, or over an imported vocabulary (cost only)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Weight, field
from core.design.problems import Problem, Site
from core.design.tasks.base import TASK, Head, Task

BYTES = 256


@TASK.register
class LanguageModel(Task):
    """Predict the next token. Bytes 0-255 without special tokens, unless the tokenizer is external."""

    kind: Literal["language_model"]
    vocabulary: int = field(BYTES, ge=2, le=2_000_000, unit="tokens", symbol="V")
    context: int = field(128, ge=1, le=100_000_000, unit="tokens", symbol="S")
    tokenizer: Literal["bytes", "external"] = field("bytes")
    extra_heads: int = field(0, ge=0, le=16, advanced=True, unit="multi-token heads, counted apart")

    @property
    def heads_out(self) -> tuple[Head, ...]:
        return (Head(name="next", kind="classes", size=self.vocabulary),)

    @property
    def tokens(self) -> int:
        return self.context

    @property
    def answers_tokens(self) -> bool:
        return True

    @property
    def causal_loss(self) -> bool:
        return True

    def input_weights(self, width: int) -> Iterator[Weight]:
        yield Weight(name="embedding.weight", shape=(self.vocabulary, width), role="embedding", gemm=False)

    def output_weights(self, width: int) -> Iterator[Weight]:
        yield Weight(name="head.weight", shape=(self.vocabulary, width), role="head")

    def rules(self, site: Site) -> Iterator[Problem]:
        yield from super().rules(site)
        if self.tokenizer == "bytes" and self.vocabulary != BYTES:
            yield site.error(
                "vocabulary-bytes",
                f"A byte vocabulary has {BYTES} tokens, not {self.vocabulary}.",
                f"To fix this, set the vocabulary to {BYTES}, or call the tokenizer external.",
                edits=(
                    site.set("vocabulary", BYTES, label=f"Set vocabulary to {BYTES}"),
                    site.set("tokenizer", "external", label="Keep it, as an external vocabulary"),
                ),
                at="vocabulary",
            )
        elif self.tokenizer == "external":
            yield site.not_built(
                f"An external vocabulary of {self.vocabulary} tokens",
                "train it on bytes instead",
                site.merge({"tokenizer": "bytes", "vocabulary": BYTES}, label="Use bytes"),
                at="tokenizer",
            )
        if self.context > 8192:
            yield site.not_built(
                f"A context of {self.context} tokens",
                "train with at most 8192",
                site.set("context", 1024, label="Set context to 1024"),
                at="context",
            )
        if self.extra_heads:
            yield site.not_built(
                "Multi-token prediction",
                "train without the extra heads",
                site.set("extra_heads", 0, label="Remove the extra heads"),
                at="extra_heads",
            )
