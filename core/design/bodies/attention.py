"""Softmax attention: grouped heads, windows, sinks, gates, cross attention."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Spec, Weight, field
from core.design.bodies.base import BODY, Mixer
from core.design.problems import Problem, Site


class Rope(Spec):
    """Rotary positions on a fraction of each head (arXiv 2104.09864)."""

    theta: float = field(10_000.0, gt=1, le=1e12)
    fraction: float = field(1.0, gt=0, le=1)


@BODY.register
class Attention(Mixer):
    """`heads` query heads over `kv_heads` key and value heads of `head_width` (empty: D / heads).

    `gate` doubles the query projection and multiplies the output (Qwen3-Next); `sinks` adds one logit a head
    (gpt-oss); `chunk` attends within blocks (Llama-4); `cross` reads the stack that this one `reads`;
    `values_are_keys` has one projection for both (gemma-4).
    """

    heads_by = ("heads", "kv_heads")
    kind: Literal["attention"]
    heads: int = field(4, ge=1, le=1024)
    kv_heads: int = field(4, ge=1, le=1024)
    head_width: int | None = field(None, ge=1, le=8192, unit="empty: D / heads")
    value_width: int | None = field(None, ge=1, le=8192, unit="empty: as the head", advanced=True)
    rope: Rope | None = Rope()
    window: int | None = field(None, ge=1, le=100_000_000, unit="tokens")
    chunk: int | None = field(None, ge=1, le=100_000_000, unit="tokens", advanced=True)
    qk_norm: Literal["none", "head", "full", "unit"] = field("none", advanced=True)
    query_bias: bool = field(False, advanced=True)
    key_bias: bool = field(False, advanced=True)
    value_bias: bool = field(False, advanced=True)
    output_bias: bool = field(False, advanced=True)
    gate: bool = field(False, advanced=True)
    sinks: bool = field(False, advanced=True)
    softcap: float | None = field(None, gt=0, le=1e6, advanced=True)
    scale: float | None = field(None, gt=0, le=1e6, unit="empty: 1/sqrt(head)", advanced=True)
    cross: bool = field(False, advanced=True)
    values_are_keys: bool = field(False, advanced=True)

    def head(self, width: int) -> int:
        """Width of a query or key head."""
        return self.head_width or max(1, width // self.heads)

    def value(self, width: int) -> int:
        """Width of a value head."""
        return self.value_width or self.head(width)

    def weights(self, width: int, tasks: int) -> Iterator[Weight]:
        q, k = self.heads * self.head(width), self.kv_heads * self.head(width)
        v, o = self.kv_heads * self.value(width), self.heads * self.value(width)
        gated = q + o if self.gate else q
        projections = (
            ("query", (gated, width), self.query_bias),
            ("key", (k, width), self.key_bias),
            ("value", (v, width), self.value_bias),
            ("output", (width, o), self.output_bias),
        )
        for name, shape, bias in projections:
            if name == "value" and self.values_are_keys:
                continue
            yield Weight(name=f"{name}.weight", shape=shape, role="mixer")
            if bias:
                yield Weight(name=f"{name}.bias", shape=shape[:1], role="mixer", gemm=False)
        if self.qk_norm in ("head", "full"):
            sizes = (self.head(width), self.head(width)) if self.qk_norm == "head" else (q, k)
            yield Weight(name="query_norm.weight", shape=(sizes[0],), role="norm", gemm=False)
            yield Weight(name="key_norm.weight", shape=(sizes[1],), role="norm", gemm=False)
        if self.sinks:
            yield Weight(name="sinks", shape=(self.heads,), role="mixer", gemm=False)

    def kv_elements(self, width: int) -> int:
        return 0 if self.cross else self.kv_heads * (self.head(width) + self.value(width))

    @property
    def cache_cuts(self) -> int:
        return self.kv_heads

    def kept_elements(self, width: int) -> int:
        normed = (self.heads + self.kv_heads) * self.head(width) if self.qk_norm != "none" else 0
        return super().kept_elements(width) + normed

    def span(self, keys: float) -> float:
        limits = [n for n in (self.window, self.chunk) if n is not None]
        return min([keys, *limits])

    def pair_macs(self, width: int) -> int:
        return self.heads * (self.head(width) + self.value(width))

    def rules(self, site: Site) -> Iterator[Problem]:
        yield from self._shape_rules(site, site.design.width)
        if self.cross and (site.stack is None or site.stack.reads is None):
            yield site.error(
                "cross-reads",
                "Cross attention needs a stack to read, and this stack reads none.",
                "To fix this, attend to this stack itself.",
                edits=(site.set("cross", False, label="Attend to this stack"),),
                at="cross",
            )
        for name, wanted, what in (
            ("cross", self.cross, "Cross attention"),
            ("sinks", self.sinks, "Attention sinks"),
            ("softcap", self.softcap is not None, "A softcap on attention"),
            ("values_are_keys", self.values_are_keys, "Attention whose keys are its values"),
        ):
            if wanted:
                edit = site.remove(name, label="Leave it out")
                yield site.not_built(what, "leave it out", edit, at=name)

    def _shape_rules(self, site: Site, width: int) -> Iterator[Problem]:
        if self.head_width is None and width % self.heads:
            near = max(h for h in range(1, min(self.heads, width) + 1) if width % h == 0)
            yield site.error(
                "heads-divide",
                f"{self.heads} heads do not divide a width of {width}.",
                f"To fix this, use {near} heads, or name a head width.",
                edits=(
                    site.merge({"heads": near, "kv_heads": near}, label=f"Use {near} heads"),
                    site.set("head_width", max(2, width // self.heads // 2 * 2), label="Name a head width"),
                ),
                at="heads",
            )
        if self.heads % self.kv_heads:
            near = max(h for h in range(1, self.kv_heads + 1) if self.heads % h == 0)
            yield site.error(
                "kv-divide",
                f"{self.heads} query heads cannot share {self.kv_heads} key and value heads evenly.",
                f"To fix this, use {near} key and value heads.",
                edits=(site.set("kv_heads", near, label=f"Use {near} KV heads"),),
                at="kv_heads",
            )
        head = self.head(width)
        if self.values_are_keys and self.value(width) != head:
            yield site.error(
                "values-are-keys",
                f"Values of {self.value(width)} cannot be keys of {head}.",
                "To fix this, leave the value width empty.",
                edits=(site.set("value_width", None, label="As wide as the keys"),),
                at="value_width",
            )
        if self.rope is not None and (int(head * self.rope.fraction) % 2 or head * self.rope.fraction < 2):
            yield site.error(
                "rope-even",
                f"Rotary positions turn pairs, and {self.rope.fraction:g} of a head of {head} is no"
                f" whole pair.",
                "To fix this, make it even, or leave positions out.",
                edits=(
                    site.merge({"head_width": head + head % 2, "rope": {}}, label="Make the head even"),
                    site.set("rope", None, label="No rotary positions"),
                ),
                at="rope",
            )
