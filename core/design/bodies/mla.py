"""Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434), with the sparse indexer of GLM-5 / V3.2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from core.design.base import Spec, Weight, field
from core.design.bodies.base import BODY, Mixer


class Indexer(Spec):
    """Picks the `top` keys that a query attends to (DeepSeek sparse attention).

    `shared` reuses the pick of the layer before, and has no weights of its own (GLM-5).
    """

    heads: int = field(32, ge=1, le=1024)
    head_width: int = field(128, ge=1, le=8192)
    top: int = field(2048, ge=1, le=1_000_000, unit="keys")
    shared: bool = field(False, advanced=True)


@BODY.register
class LatentAttention(Mixer):
    """Queries through `q_rank` (empty: direct), keys and values through a cached latent of `kv_rank`.

    `bias` adds one to both down-projections and to the output.
    """

    trainable = False
    kind: Literal["mla"]
    heads: int = field(ge=1, le=1024)
    q_rank: int | None = field(None, ge=1, le=65_536)
    kv_rank: int = field(ge=1, le=65_536)
    nope: int = field(128, ge=1, le=8192, unit="head width without position")
    rope: int = field(64, ge=0, le=8192, unit="head width with position")
    value: int = field(128, ge=1, le=8192, unit="value head width")
    bias: bool = field(False, advanced=True)
    indexer: Indexer | None = None

    def weights(self, width: int, tasks: int) -> Iterator[Weight]:
        q = self.heads * (self.nope + self.rope)
        if self.q_rank is None:
            yield Weight(name="query.weight", shape=(q, width), role="mixer")
        else:
            yield Weight(name="query_a.weight", shape=(self.q_rank, width), role="mixer")
            if self.bias:
                yield Weight(name="query_a.bias", shape=(self.q_rank,), role="mixer", gemm=False)
            yield Weight(name="query_norm.weight", shape=(self.q_rank,), role="norm", gemm=False)
            yield Weight(name="query_b.weight", shape=(q, self.q_rank), role="mixer")
        yield Weight(name="latent_a.weight", shape=(self.kv_rank + self.rope, width), role="mixer")
        if self.bias:
            yield Weight(name="latent_a.bias", shape=(self.kv_rank + self.rope,), role="mixer", gemm=False)
            yield Weight(name="output.bias", shape=(width,), role="mixer", gemm=False)
        yield Weight(name="latent_norm.weight", shape=(self.kv_rank,), role="norm", gemm=False)
        up = (self.heads * (self.nope + self.value), self.kv_rank)
        yield Weight(name="latent_b.weight", shape=up, role="mixer")
        yield Weight(name="output.weight", shape=(width, self.heads * self.value), role="mixer")
        if self.indexer is not None and not self.indexer.shared:
            index, reads = self.indexer, self.q_rank or width
            yield Weight(
                name="index_query.weight", shape=(index.heads * index.head_width, reads), role="mixer"
            )
            yield Weight(name="index_key.weight", shape=(index.head_width, width), role="mixer")
            yield Weight(name="index_norm.weight", shape=(2, index.head_width), role="norm", gemm=False)
            yield Weight(name="index_gate.weight", shape=(index.heads, width), role="mixer")

    @property
    def launches(self) -> int:
        # An indexer quantises its queries and keys, scores all keys, picks and gathers.
        return super().launches + (4 if self.indexer is not None else 0)

    def kv_elements(self, width: int) -> int:
        return self.kv_rank + self.rope

    def span(self, keys: float) -> float:
        return keys if self.indexer is None else min(keys, self.indexer.top)

    def cached_keys(self, keys: float) -> float:
        # Any key may be picked for the next query, so none is forgotten.
        return keys

    def index_elements(self, width: int) -> int:
        return 0 if self.indexer is None or self.indexer.shared else self.indexer.head_width

    def scan_macs(self, width: int) -> int:
        return self.index_elements(width) * (self.indexer.heads if self.indexer else 0)

    def kept_elements(self, width: int) -> int:
        # Both latents before and after their norms; the shared rotary key is copied to every head.
        heads = self.heads * 2 * (self.nope + self.rope + self.value)
        return 2 * (self.q_rank or 0) + 2 * self.kv_rank + self.rope + heads

    def whole_weights(self) -> tuple[str, ...]:
        # All heads read the same latents.
        return ("query_a.weight", "latent_a.weight", *(f"index_{n}.weight" for n in ("query", "key", "gate")))

    def pair_macs(self, width: int) -> int:
        return self.heads * (self.nope + self.rope + self.value)

    def cached_pair_macs(self, width: int) -> int:
        # Absorbed: queries meet the latent itself, and the up-projection is applied to queries and outputs.
        return self.heads * (2 * self.kv_rank + self.rope)
