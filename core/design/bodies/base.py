"""Base of all bodies."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

from core.design.base import Choice, Spec, Weight
from core.design.edit import Edit
from core.design.problems import Site


class Body(Spec):
    """What a part computes on `[B, S, D]`."""

    kind: str

    #: Fields that count many heads and few, of which the many stay the same multiple.
    heads_by: ClassVar[tuple[str, str] | None] = None
    #: The field of what its router chooses among: how many they are, or groups that each have a count.
    bank: ClassVar[str | None] = None

    @abstractmethod
    def weights(self, width: int, tasks: int) -> Iterator[Weight]:
        """Parameters, experts as stacked copies."""

    def norms(self, norm: Any, width: int) -> Iterator[Weight]:
        """Parameters of norms inside it, each as the design's `norm`; none by default."""
        yield from ()


class Mixer(Body):
    """A body that moves information between tokens."""

    def instead(self, site: Site) -> Edit:
        width = site.design.width
        heads = max((h for h in (8, 4, 2, 1) if width % (2 * h) == 0), default=1)
        plain: dict[str, object] = {"kind": "attention", "heads": heads, "kv_heads": heads}
        if width % (2 * heads):
            plain["rope"] = None
        return site.set("", plain, label="Use attention")

    def kv_elements(self, width: int) -> int:
        """Numbers cached for each token of the context, no window applied; 0 where the state is constant."""
        return 0

    def state_elements(self, width: int) -> int:
        """Numbers of a constant state for each sequence."""
        return 0

    @property
    def launches(self) -> int:
        """Kernels beside the products of its weights: positions with the cache, and attention itself."""
        return 2

    @property
    def cache_cuts(self) -> int:
        """Pieces that the cache can be cut into, one for a device; what all heads read stays whole."""
        return 1

    def cached_keys(self, keys: float) -> float:
        """Keys that stay in the cache when `keys` came by: what no query visits again need not."""
        return self.span(keys)

    def index_elements(self, width: int) -> int:
        """Numbers cached for each token beside keys and values, by which a query picks the keys it visits."""
        return 0

    def span(self, keys: float) -> float:
        """Keys a query really visits when `keys` are there (windows, chunks)."""
        return keys

    def pair_macs(self, width: int) -> int:
        """Multiply-adds for each query and each key it visits."""
        return 0

    def cached_pair_macs(self, width: int) -> int:
        """The same while decoding, where the cache may hold something else than keys and values."""
        return self.pair_macs(width)

    def scan_macs(self, width: int) -> int:
        """Multiply-adds for each query and each key there is, to pick those it visits."""
        return 0

    def kept_elements(self, width: int) -> int:
        """Numbers of a token that a backward needs beside the input: what projections put out, and what the
        last one reads."""
        matrices = (w for w in self.weights(width, 1) if w.gemm and w.role == "mixer" and len(w.shape) > 1)
        return sum(w.shape[1] if w.shape[0] == width else w.shape[0] for w in matrices)

    def whole_weights(self) -> tuple[str, ...]:
        """Names of matrices that tensor parallelism leaves whole on each device."""
        return ()

    def token_macs(self, width: int) -> int:
        """Multiply-adds a token costs beside the weights (state updates)."""
        return 0


BODY = Choice("body", "part")
