"""A small trace by hand."""

import numpy as np

from core.trace.record import Header, LayerHeader, RoutedLayer, Tokens, Trace, soft_layer


def make_soft(tokens: int = 6, experts: int = 4) -> Trace:
    """The same with a layer above that selects nothing: expert 1 has more of the second domain."""
    trace = make_trace(tokens, experts)
    shares = np.full((tokens, experts), 1 / experts)
    shares[trace.tokens.domain == 1] = [0.1, 0.7, *[0.2 / (experts - 2)] * (experts - 2)]
    header = LayerHeader(
        path="decoder.1.1", scope="example", experts=experts, k=0, soft=True, probability=True
    )
    soft = soft_layer(header, np.full(tokens, 0.5), shares)
    headers = (*trace.header.layers, header)
    whole = trace.header.model_copy(update={"layers": headers})
    return Trace(whole, trace.tokens, (*trace.layers, soft))


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
