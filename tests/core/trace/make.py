"""A small trace by hand."""

import numpy as np

from core.trace.record import Header, LayerHeader, RoutedLayer, Tokens, Trace


def make_trace(tokens: int = 6, experts: int = 4, k: int = 2, probability: bool = True) -> Trace:
    """Two sequences, two domains, one layer; the last choice was dropped, the first token got one expert."""
    expert = np.stack([(np.arange(tokens) + i) % experts for i in range(k)], axis=1).astype(np.int16)
    expert[0, -1] = -1
    accepted = expert >= 0
    accepted[-1, -1] = False
    layer = LayerHeader(
        path="decoder.0.1", experts=experts, k=k, probability=probability, expert_bytes=(8,) * experts
    )
    half = np.arange(tokens) >= tokens // 2
    return Trace(
        Header(
            run="calm-owl",
            checkpoint=7,
            design="d" * 64,
            seed=3,
            domains=("english", "python"),
            tokens=tokens,
            layers=(layer,),
        ),
        Tokens(
            sequence=half.astype(np.int32),
            position=np.arange(tokens, dtype=np.int32) % max(1, tokens // 2),
            forward=np.zeros(tokens, np.int16),
            phase=np.zeros(tokens, np.int8),
            domain=half.astype(np.int16),
            task=np.full(tokens, -1, np.int16),
            token=np.arange(tokens, dtype=np.int32) + 65,
            nll=np.linspace(0, 1, tokens, dtype=np.float32),
        ),
        (
            RoutedLayer(
                layer,
                expert,
                np.full((tokens, k), 0.5, np.float16),
                accepted,
                np.full(tokens, 0.25, np.float32),
                np.full(tokens, 0.125, np.float32),
                np.full((tokens, experts), 1 / experts, np.float16) if probability else None,
            ),
        ),
    )
