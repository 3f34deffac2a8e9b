"""What an experiment can measure, by name. Torch-free: `core.claims.measures` computes it.

A measure is written `name` or `name/argument`, such as `loss`, `loss/python` or `loss_at_k/4`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from core.papers.base import Experiment


@dataclass(frozen=True)
class MeasureName:
    """A measure's name, its title, its unit ("" for a bare number), and what its argument is ("" = none).

    `optional` says that the argument may be left out.
    """

    name: str
    title: str
    unit: str = ""
    argument: str = ""
    optional: bool = False


_DOMAINS = "the beginning of domain names"
_TOKENS = "router entropy over ln E from which a token is uncertain"

MEASURES: tuple[MeasureName, ...] = (
    MeasureName("loss", "Held-out loss", "nats", _DOMAINS, optional=True),
    MeasureName("accuracy", "Held-out accuracy", "", "head, or head/domain", optional=True),
    MeasureName("r2", "Held-out r2", "", "head", optional=True),
    MeasureName("bits_per_byte", "Held-out bits per byte", "bits"),
    MeasureName("train_loss", "Loss on training examples", "nats"),
    MeasureName("train_accuracy", "Accuracy on training examples", "", "head", optional=True),
    MeasureName("loss_gap", "Held-out loss minus training loss", "nats"),
    MeasureName("gap", "Training accuracy minus held-out accuracy", "", "head", optional=True),
    MeasureName("cv", "Coefficient of variation of the load"),
    MeasureName("max_violation", "MaxVio: busiest expert over the mean, minus 1"),
    MeasureName("dead", "Experts without a token", "experts"),
    MeasureName("drop_rate", "Choices dropped by capacity"),
    MeasureName("unserved", "Tokens that no expert took"),
    MeasureName("entropy", "Entropy of the router over ln E"),
    MeasureName("nmi", "Information of the expert about the domain"),
    MeasureName("experts_per_token", "Experts per token", "experts", _DOMAINS, optional=True),
    MeasureName("active_width", "Hidden width a token meets", "neurons", _DOMAINS, optional=True),
    MeasureName("size_use_correlation", "Correlation of an expert's width with its use"),
    MeasureName("islands_per_token", "Islands (devices) a token visits", "islands"),
    MeasureName("alignment_violation", "Score mass that a better expert outside the chosen islands had"),
    MeasureName("cluster_variance", "Variance of mean probabilities inside islands, times E squared"),
    MeasureName("loss_at_k", "Held-out loss with another k", "nats", "k"),
    MeasureName("disagreement", "Answers that differ between two random passes"),
    MeasureName(
        "ensemble_accuracy", "Accuracy of the mean of eight random passes", "", "head", optional=True
    ),
    MeasureName(
        "random_expert_damage",
        "Loss added when uncertain tokens go to a random expert",
        "nats",
        _TOKENS,
        True,
    ),
    MeasureName("uncertain", "Share of tokens the router is uncertain of", "", _TOKENS, True),
    MeasureName("without_shared", "Loss added without the shared experts, one more routed instead", "nats"),
    MeasureName("without_routed", "Loss added without each token's best routed expert", "nats"),
    MeasureName(
        "task_overlap",
        "Jaccard overlap of the expert sets of tasks",
        "",
        "two heads, head/head",
        optional=True,
    ),
    MeasureName("route_family_nmi", "Information of a task's route about its family"),
    MeasureName("expert_flops", "FLOPs of experts per token", "FLOPs"),
    MeasureName("flops", "FLOPs of the whole model per token", "FLOPs"),
    MeasureName("active_parameters", "Active parameters", "parameters"),
    MeasureName("parameters", "All parameters", "parameters"),
    MeasureName("fisher", "Smallest eigenvalue of the Fisher information", "", "gate"),
)
_BY_NAME = {measure.name: measure for measure in MEASURES}

#: Taken of every trained arm, whatever the experiment asks for.
ALWAYS = ("loss", "accuracy", "cv", "max_violation", "dead", "nmi", "experts_per_token")


class UnknownMeasureError(ValueError):
    """No measure has this name, or its argument is missing or too much."""


def parse(measure: str) -> tuple[MeasureName, str]:
    """The measure and its argument ("" for none). Raises UnknownMeasureError."""
    name, _, argument = measure.partition("/")
    if name not in _BY_NAME:
        near = get_close_matches(name, list(_BY_NAME), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UnknownMeasureError(
            f"No measure is named {name[:60]!r}.{hint} To fix this, use one of: {', '.join(_BY_NAME)}."
        )
    found = _BY_NAME[name]
    if argument and not found.argument:
        raise UnknownMeasureError(
            f"The measure {name!r} has no argument. To fix this, leave out {argument!r}."
        )
    if not argument and found.argument and not found.optional:
        raise UnknownMeasureError(
            f"The measure {name!r} needs {found.argument}. To fix this, write {name}/VALUE."
        )
    return found, argument


def asked(experiment: Experiment, arm: str) -> tuple[str, ...]:
    """The measures that the expectations of an experiment ask of an arm, each once."""
    return tuple(dict.fromkeys(_asked(experiment, arm)))


def _asked(experiment: Experiment, arm: str) -> Iterator[str]:
    for expect in experiment.expects:
        if expect.left == arm:
            yield expect.measure
        if expect.right == arm:
            yield expect.right_measure or expect.measure
