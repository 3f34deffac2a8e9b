"""Which experts tasks use: overlap of pairs (arXiv 2210.14793), routes and families (arXiv 2205.12701)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from core.analysis.specialization import specialization
from core.claims.errors import ClaimError
from core.claims.measures.base import Subject, over_layers, register
from core.trace.collect import padded


@register("task_overlap")
def task_overlap(subject: Subject, argument: str) -> float | None:
    """Jaccard overlap of a token's experts when the example is asked one question and the other.

    The argument names two heads, `a/b`; without it the mean over all pairs. Mean over tokens and layers.
    """
    heads = [head.name for head in subject.design.task.heads_out]
    pairs = [tuple(argument.split("/"))] if argument else list(combinations(heads, 2))
    unknown = [name for pair in pairs for name in pair if name not in heads]
    if unknown or any(len(pair) != 2 for pair in pairs):
        raise ClaimError(
            f"task_overlap needs two of the heads {', '.join(heads)}, and got {argument[:60]!r}."
        )
    experts = {name: _experts(subject, heads.index(name)) for name in {n for pair in pairs for n in pair}}
    return over_layers(
        [
            jaccard(first, second)
            for a, b in pairs
            for first, second in zip(experts[a], experts[b], strict=True)
        ]
    )


@register("route_family_nmi")
def route_family_nmi(subject: Subject, argument: str) -> float | None:
    """MI(family; expert) / H(family) over tasks; the family of a task is the domain of most of its examples.

    1 where every expert serves the tasks of one family alone.
    """
    told = [(batch.task_id, batch.domain) for batch in subject.held_out if batch.task_id is not None]
    if not told:
        return None
    seen = Counter((int(t), int(d)) for task, domain in told for t, d in zip(task, domain, strict=True))
    family = {task: max((n, -d) for (t, d), n in seen.items() if t == task)[1] * -1 for task, _ in seen}
    found: list[float | None] = []
    routes = {task: _experts(subject, task) for task in family}
    for layer in range(len(subject.hard)):
        counts_NE = np.zeros((len(subject.domains), max(r.experts for r in subject.hard)))
        for task, domain in family.items():
            chosen = routes[task][layer].flatten()
            share_E = torch.bincount(chosen[chosen >= 0], minlength=counts_NE.shape[1]).double()
            counts_NE[domain] += (share_E / share_E.sum().clamp_min(1)).numpy()
        found.append(specialization(counts_NE))
    return over_layers(found)


@torch.no_grad()
def _experts(subject: Subject, task: int) -> list[Tensor]:
    """Experts [T, K] of each routed layer, -1 = none, when held-out examples are all asked `task`."""
    parts: list[list[Tensor]] = []
    for batch in (piece for whole in subject.held_out for piece in whole.pieces(subject.plan.batch)):
        asked = replace(batch, task_id=np.full(len(batch), task))
        output = subject.model(torch.from_numpy(asked.inputs), subject.passing(asked, record="full"))
        chosen = [record.expert_TK for record in output.records.values()]
        parts.append([c for c in chosen if c is not None])
    # Where tokens take as many experts as they need, K is what the most of a batch took.
    return [torch.from_numpy(padded([c.numpy() for c in layer], -1)) for layer in zip(*parts, strict=True)]


def jaccard(first_TK: Tensor, second_TK: Tensor) -> float:
    """Mean over tokens of |A and B| / |A or B|; tokens without any expert on both sides are left out."""
    both_T = ((first_TK[:, :, None] == second_TK[:, None, :]) & (first_TK[:, :, None] >= 0)).sum((1, 2))
    either_T = (first_TK >= 0).sum(1) + (second_TK >= 0).sum(1) - both_T
    there = either_T > 0
    return float((both_T[there] / either_T[there]).double().mean())
