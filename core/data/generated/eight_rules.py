"""Eight clouds of points, each with a rule of its own: the data on which routing matters.

The domain is also the task, for routers that are told it. F features, N examples, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.data.examples import Examples
from core.data.generated.base import SEED, Generated, take_turns
from core.design.tasks.base import Head

DOMAINS, FEATURES, CLASSES = 8, 16, 6


@dataclass(frozen=True)
class EightRules(Generated):
    """Domain m has a mean mu_m ~ N(0, separation^2 I) and a matrix W_m ~ N(0, I) [16, 6].

    An example is x = mu_m + z with z ~ N(0, I), and its class is argmax(z W_m): one linear rule for each
    domain and none for all. A separation of 2 lets the domain be read off x; at 0.7 domains overlap.
    """

    separation: float = 2.0

    @property
    def domains(self) -> tuple[str, ...]:
        return tuple(f"rule-{m + 1}" for m in range(DOMAINS))

    @property
    def heads(self) -> tuple[Head, ...]:
        return (Head(name="class", kind="classes", size=CLASSES),)

    def draw(self) -> Examples:
        mean_MF, rule_MFC = means_and_rules(self.separation, FEATURES)
        rng = np.random.default_rng([SEED, 2])
        domain_N = take_turns(DOMAINS, self.n_train + self.n_held_out)
        z_NF = rng.standard_normal((len(domain_N), FEATURES))
        return Examples(
            inputs=(mean_MF[domain_N] + z_NF).astype(np.float32),
            targets={"class": by_rule(z_NF, rule_MFC, domain_N)},
            domain=domain_N,
            held_out=self.held,
            task=domain_N,
        )


def means_and_rules(
    separation: float, features: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Means [8, F] and rules [8, F, C], the same at every separation but for the means' length."""
    rng = np.random.default_rng([SEED, 1])
    mean_MF = separation * rng.standard_normal((DOMAINS, features))
    return mean_MF, rng.standard_normal((DOMAINS, features, CLASSES))


def by_rule(
    z_NF: npt.NDArray[Any], rule_MFC: npt.NDArray[Any], domain_N: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    """The class [N] that each example's domain gives it."""
    class_N = np.zeros(len(z_NF), np.int64)
    for m, rule_FC in enumerate(rule_MFC):
        here = domain_N == m
        class_N[here] = (z_NF[here] @ rule_FC).argmax(1)
    return class_N
