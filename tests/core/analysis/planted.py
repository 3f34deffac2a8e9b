"""Traces whose answers are known because they were planted."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.trace.record import Header, LayerHeader, RoutedLayer, Tokens, Trace, soft_layer


def planted(
    experts: int,
    choices: Sequence[Any],
    *,
    length: int = 50,
    domain: Any = None,
    token: Any = None,
    task: Any = None,
    accepted: Any = None,
    weight: Any = None,
    phase: Any = None,
) -> Trace:
    """A trace of sequences of one length. `choices` are [T, K] of each layer, -1 for none."""
    layers = [np.asarray(expert, np.int16) for expert in choices]
    T = len(layers[0])
    domain = np.zeros(T) if domain is None else np.asarray(domain)
    headers = [
        LayerHeader(path=f"decoder.{i}.1", experts=experts, k=expert.shape[1])
        for i, expert in enumerate(layers)
    ]
    names = tuple(f"domain {n}" for n in range(int(domain.max(initial=0)) + 1))
    routed = tuple(
        RoutedLayer(
            header,
            expert,
            np.full(expert.shape, 1 / max(1, expert.shape[1]), np.float16) if weight is None else weight[i],
            expert >= 0 if accepted is None else accepted[i],
            np.full(T, 0.25, np.float32),
            np.full(T, 0.125, np.float32),
        )
        for i, (header, expert) in enumerate(zip(headers, layers, strict=True))
    )
    tokens = Tokens(
        sequence=(np.arange(T) // length).astype(np.int32),
        position=(np.arange(T) % length).astype(np.int32),
        forward=np.zeros(T, np.int16),
        phase=np.zeros(T, np.int8) if phase is None else np.asarray(phase, np.int8),
        domain=domain.astype(np.int16),
        task=np.full(T, -1, np.int16) if task is None else np.asarray(task, np.int16),
        token=np.full(T, -1, np.int32) if token is None else np.asarray(token, np.int32),
        nll=np.zeros(T, np.float32),
    )
    return Trace(Header(domains=names, tokens=T, layers=tuple(headers)), tokens, routed)


def soft_only(tokens: int = 20, experts: int = 4) -> Trace:
    """One layer, and it selects nothing."""
    trace = planted(experts, [np.zeros((tokens, 1))])
    header = LayerHeader(path="decoder.0.1", experts=experts, k=0, soft=True, probability=True)
    layer = soft_layer(header, np.full(tokens, 0.5), np.full((tokens, experts), 1 / experts))
    return Trace(trace.header.model_copy(update={"layers": (header,)}), trace.tokens, (layer,))
