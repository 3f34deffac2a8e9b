"""How evenly experts are used and what they know about domains, from the trace; means over routed layers."""

from __future__ import annotations

from typing import Any

from core.analysis import load as figures
from core.analysis.specialization import domain_expert, specialization
from core.claims.measures.base import Subject, over_layers, register
from core.trace.record import RoutedLayer


def _load(layer: RoutedLayer) -> Any:
    return figures.load(layer.expert, layer.accepted, layer.experts)


@register("cv")
def cv(subject: Subject, argument: str) -> float | None:
    """Coefficient of variation of the load."""
    return over_layers([figures.cv(_load(layer)) for layer in subject.hard])


@register("max_violation")
def max_violation(subject: Subject, argument: str) -> float | None:
    """The busiest expert over the mean, minus 1."""
    return over_layers([figures.max_violation(_load(layer)) for layer in subject.hard])


@register("dead")
def dead(subject: Subject, argument: str) -> float | None:
    """Experts of a layer without a token."""
    return over_layers([float(figures.dead(_load(layer))) for layer in subject.hard])


@register("drop_rate")
def drop_rate(subject: Subject, argument: str) -> float | None:
    """Share of the choices that capacity dropped."""
    chosen = [(float(_load(layer).sum()), float((layer.expert >= 0).sum())) for layer in subject.hard]
    return over_layers([figures.drop_rate(accepted, selected) for accepted, selected in chosen])


@register("unserved")
def unserved(subject: Subject, argument: str) -> float | None:
    """Share of the tokens that no expert took."""
    return over_layers([figures.unserved(layer.accepted) for layer in subject.hard])


@register("entropy")
def entropy(subject: Subject, argument: str) -> float | None:
    """Entropy of the router over ln E."""
    return over_layers(
        [figures.router_entropy(layer.entropy, layer.experts) for layer in subject.trace.layers]
    )


@register("nmi")
def nmi(subject: Subject, argument: str) -> float | None:
    """MI(domain; expert) / H(domain)."""
    domain, names = subject.trace.tokens.domain, len(subject.domains)
    return over_layers(
        [
            specialization(domain_expert(domain, layer.expert, layer.accepted, names, layer.experts))
            for layer in subject.hard
        ]
    )


@register("experts_per_token")
def experts_per_token(subject: Subject, argument: str) -> float | None:
    """Experts that took a token, of all domains or of those whose names begin with the argument."""
    these = subject.of_domains(argument)
    return over_layers([figures.per_token(layer.accepted[these]) for layer in subject.hard])
