"""Sixteen tokens that share one hidden domain, which each of them shows only faintly, each with its class.

As an image of 16 x 16 px in patches of 4: each patch is a token of 16 numbers. They are standardised, as a
table's are, and not shades from 0 to 1. F numbers of a token, S tokens, N examples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from core.data.examples import Examples
from core.data.generated.base import SEED, Generated, take_turns
from core.data.generated.eight_rules import CLASSES, DOMAINS, FEATURES, by_rule, means_and_rules
from core.design.facts import DataKind
from core.design.tasks.base import Head

SIDE = PATCH = 4
HALF, CUE, LOUDNESS = FEATURES // 2, 0.6, 0.25


@dataclass(frozen=True)
class Sequence(Generated):
    """Tokens x_s = (z_s / 4, mu_m + e_s): eight numbers that are asked about and eight about the domain.

    z_s, e_s ~ N(0, I) and the means mu_m ~ N(0, 0.6^2 I) are short; the class of token s is argmax(z_s W_m).
    So every token says what is asked, and only half of the tokens show by which rule; the mean of sixteen
    nearly always does. One decision for a whole example can be right where a decision for each token cannot.
    """

    n_train: int = 32_768
    n_held_out: int = 4_096
    kind: ClassVar[DataKind] = "image"
    tokens: ClassVar[int] = SIDE * SIDE
    labels: ClassVar[Literal["example", "token"]] = "token"

    @property
    def domains(self) -> tuple[str, ...]:
        return tuple(f"rule-{m + 1}" for m in range(DOMAINS))

    @property
    def heads(self) -> tuple[Head, ...]:
        return (Head(name="class", kind="classes", size=CLASSES),)

    def draw(self) -> Examples:
        mean_MF, rule_MFC = means_and_rules(CUE, HALF)
        rng = np.random.default_rng([SEED, 4])
        domain_N = take_turns(DOMAINS, self.n_train + self.n_held_out)
        z_NSF = rng.standard_normal((len(domain_N), self.tokens, HALF))
        domain_T = domain_N.repeat(self.tokens)
        tokens_NSF = np.empty((len(domain_N), self.tokens, FEATURES), np.float32)
        tokens_NSF[:, :, :HALF] = LOUDNESS * z_NSF
        tokens_NSF[:, :, HALF:] = rng.standard_normal((len(domain_N), self.tokens, HALF), np.float32)
        tokens_NSF[:, :, HALF:] += mean_MF[domain_N].astype(np.float32)[:, None]
        # The inverse of cutting an image into patches, row by row.
        grid = tokens_NSF.reshape(-1, SIDE, SIDE, PATCH, PATCH).swapaxes(2, 3)
        return Examples(
            inputs=np.ascontiguousarray(grid).reshape(-1, SIDE * PATCH, SIDE * PATCH, 1),
            targets={"class": by_rule(z_NSF.reshape(-1, HALF), rule_MFC, domain_T).reshape(-1, self.tokens)},
            domain=domain_N,
            held_out=self.held,
            task=domain_N,
        )
