"""Four domains with a linear rule and four with an exclusive or: some tokens are harder than others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.data.examples import Examples
from core.data.generated.base import SEED, Generated, take_turns
from core.design.tasks.base import Head

EACH, FEATURES = 4, 16
SEPARATION = 2.0


@dataclass(frozen=True)
class EasyHard(Generated):
    """Domain m has a mean mu_m ~ N(0, 2^2 I) and two directions a_m, b_m; an example is x = mu_m + z.

    Easy: is a_m z > 0? Hard: is exactly one of a_m z and b_m z above 0? No linear map answers that.
    """

    @property
    def domains(self) -> tuple[str, ...]:
        return tuple(f"{group}-{i + 1}" for group in ("easy", "hard") for i in range(EACH))

    @property
    def heads(self) -> tuple[Head, ...]:
        return (Head(name="class", kind="classes", size=2),)

    def draw(self) -> Examples:
        rng = np.random.default_rng([SEED, 3])
        mean_MF = SEPARATION * rng.standard_normal((2 * EACH, FEATURES))
        line_MFL = rng.standard_normal((2 * EACH, FEATURES, 2))
        domain_N = take_turns(2 * EACH, self.n_train + self.n_held_out)
        z_NF = rng.standard_normal((len(domain_N), FEATURES))
        side_NL = np.einsum("nf,nfl->nl", z_NF, line_MFL[domain_N]) > 0
        hard_N = domain_N >= EACH
        return Examples(
            inputs=(mean_MF[domain_N] + z_NF).astype(np.float32),
            targets={"class": (side_NL[:, 0] ^ (side_NL[:, 1] & hard_N)).astype(np.int64)},
            domain=domain_N,
            held_out=self.held,
            task=domain_N,
        )
