"""All figures of every routed layer of a trace."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.analysis.arrays import LayerArrays, TraceArrays, selecting
from core.analysis.errors import AnalysisError
from core.analysis.load import (
    cv,
    dead,
    drop_rate,
    max_violation,
    per_token,
    router_entropy,
    unserved,
)
from core.analysis.specialization import chance, domain_expert, merged, specialization, units

#: Figures that only a layer that selects has.
HARD = (
    *("load", "cv", "max_violation", "dead", "drop_rate", "unserved", "per_token"),
    *("specialization", "specialization_chance", "specialization_chance_95", "domain_expert"),
)

#: Figures that only a soft layer has.
SOFT = ("share", "domain_share")


def summary(trace: TraceArrays) -> list[dict[str, Any]]:
    """One dict a routed layer, in order.

    path; load [E] accepted tokens of each expert; cv; max_violation; dead; drop_rate; unserved; per_token;
    entropy (of the router, over ln E); specialization with its chance level: specialization_chance is the
    mean over shuffled domains, specialization_chance_95 what 95 of 100 shuffles stay below; domain_expert
    [N, E].
    None where a figure is not defined. A soft layer selects nothing: it has an entropy, and instead of a load
    share [E], each expert's mean share in a token's output, and domain_share [N, E], the same by domain.
    """
    return [soft_figures(trace, layer) if layer.soft else figures(trace, layer) for layer in trace.layers]


def figures(trace: TraceArrays, layer: LayerArrays) -> dict[str, Any]:
    """Figures of one layer that selects. Raises AnalysisError for a soft one."""
    selecting(layer)
    tokens, E = trace.tokens, layer.experts
    unit_T, domain_U = units(tokens.sequence, tokens.domain)
    counts_UE = domain_expert(unit_T, layer.expert, layer.accepted, len(domain_U), E)
    counts_NE = merged(counts_UE, domain_U, len(trace.domains))
    load_E = counts_NE.sum(axis=0)
    by_chance = chance(counts_UE, domain_U, len(trace.domains))
    return {
        "path": layer.path,
        "load": load_E.tolist(),
        "cv": cv(load_E),
        "max_violation": max_violation(load_E),
        "dead": dead(load_E),
        "drop_rate": drop_rate(int(load_E.sum()), int((layer.expert >= 0).sum())),
        "unserved": unserved(layer.accepted),
        "per_token": per_token(layer.accepted),
        "entropy": router_entropy(layer.entropy, E),
        "specialization": specialization(counts_NE),
        "specialization_chance": by_chance and by_chance.mean,
        "specialization_chance_95": by_chance and by_chance.high,
        "domain_expert": counts_NE.tolist(),
        **dict.fromkeys(SOFT),
    }


def soft_figures(trace: TraceArrays, layer: LayerArrays) -> dict[str, Any]:
    """The same keys for a soft layer. Raises AnalysisError for one that selects, or that kept no shares."""
    if not layer.soft or layer.probability is None:
        raise AnalysisError(
            f"Layer {layer.path} has no shares of experts in each token's output. To fix this, choose a soft"
            " layer, and trace it with probabilities."
        )
    share_TE, domain = np.asarray(layer.probability, np.float64), trace.tokens.domain
    by_domain = [share_TE[domain == n] for n in range(len(trace.domains))]
    none = [0.0] * layer.experts
    return {
        "path": layer.path,
        **dict.fromkeys(HARD),
        "entropy": router_entropy(layer.entropy, layer.experts),
        "share": share_TE.mean(0).tolist() if len(share_TE) else none,
        "domain_share": [own.mean(0).tolist() if len(own) else none for own in by_domain],
    }
