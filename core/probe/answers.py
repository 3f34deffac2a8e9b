"""The shapes of answers. No torch: pages read them.

T tokens of the text in order, K picks at most, E experts, N best tokens of a lens. Layers are named by the
path of their routed part (`decoder.1.1`). Tokens are bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.int16]


@dataclass(frozen=True)
class LayerView:
    """What one routed layer did with each token.

    expert_TK: picks by rank, -1 = none. accepted_TK: False for those and for drops. weight_TK: what the
    expert's output was multiplied with, 0 where not accepted. probability_TE: the router's distribution.
    entropy_T: its entropy in nats. margin_T: how far the last pick was above the best one left out, in what
    selection compared; infinite where none was left out. contribution_TK: length (Euclidean norm) of what the
    pick added to the layer's output, its weight included; output_T: length of what all picks added together
    (shared experts apart, before a norm after the part). lens_TKN, lens_logit_TKN: the tokens that the pick's
    contribution alone speaks for most, read by the model's last norm and head, and their logits; -1 and NaN
    where no pick was accepted. Layers without choices mix later tokens in, so no model of text has them.
    """

    path: str
    experts: int
    expert_TK: npt.NDArray[np.int16]
    accepted_TK: npt.NDArray[np.bool_]
    weight_TK: Floats
    probability_TE: Floats
    entropy_T: Floats
    margin_T: Floats
    contribution_TK: Floats
    output_T: Floats
    lens_TKN: Bytes
    lens_logit_TKN: Floats


@dataclass(frozen=True)
class Inspection:
    """A text, token by token.

    token_T: its bytes. position_T: where in its window the model saw the token: a text longer than the
    `context` is read in windows that overlap by half, so that every token past the first window has half a
    window before it. nll_T: nats of the token *after* this one, NaN for the last. guess_TN,
    guess_probability_TN: the likeliest next tokens. together: paths of layers where tokens compete for room
    (a capacity), so that which are dropped depends on the whole text. notes: what of the overrides had to be
    left out.
    """

    run: str
    step: int
    context: int
    token_T: Bytes
    position_T: npt.NDArray[np.int32]
    nll_T: Floats
    guess_TN: Bytes
    guess_probability_TN: Floats
    notes: tuple[str, ...]
    layers: tuple[LayerView, ...]
    together: tuple[str, ...]

    def layer(self, path: str) -> LayerView:
        """The layer of a path. Raises KeyError."""
        return {layer.path: layer for layer in self.layers}[path]


@dataclass(frozen=True)
class Shift:
    """Held-out loss of one domain, or of texts of one's own, in nats a token or weighted over heads.

    `delta` is after less before, the mean over `sequences` paired with themselves; `low` and `high` are the
    ends of its 95 % interval over sequences, None for a single one.
    """

    domain: str
    sequences: int
    before: float
    after: float
    delta: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Generation:
    """What the model goes on with after a prompt, without the overrides and with them."""

    prompt: str
    before: str
    after: str


@dataclass(frozen=True)
class WhatIf:
    """What overrides do. `measured` says in words which tokens the losses are of; `notes` what had to be left
    out."""

    run: str
    step: int
    measured: str
    notes: tuple[str, ...]
    shifts: tuple[Shift, ...]
    generations: tuple[Generation, ...]


@dataclass(frozen=True)
class TraceFile:
    """A trace that was written on demand: `path` below the run's folder, for `core.trace.record.read`."""

    path: str
    tokens: int
    bytes: int
    domains: tuple[str, ...]


@dataclass(frozen=True)
class SweepStep:
    """The `size` most distinctive experts switched off, and as many others of like usage, D times.

    N domains; the loss that rises is that of held-out sequences which had no part in choosing. cells: the
    experts, as (path, expert). delta_N, low_N, high_N: rise of the loss by domain and its 95 % interval.
    control_DN: the same of each draw of controls. usage, usage_D: choices that the experts had, on the
    sequences of the map: where an expert is used more than any other of its layer, its controls are used
    less. ratio: rise on the target over the mean rise of the controls there; difference: one less the other;
    both with 95 % intervals, sequences and draws resampled. ratio is None where controls do not hurt at all,
    ratio_high where they may not.
    """

    size: int
    cells: tuple[tuple[str, int], ...]
    delta_N: Floats
    low_N: Floats
    high_N: Floats
    control_DN: Floats
    usage: float
    usage_D: Floats
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    difference: float
    difference_low: float
    difference_high: float

    @property
    def matched(self) -> float:
        """Mean usage of the controls over that of the experts; near 1 they are alike, far below they are not
        the control they should be."""
        return float(self.usage_D.mean()) / self.usage if self.usage else float("nan")


@dataclass(frozen=True)
class Sweep:
    """One step for each size. `target` is one of `domains`."""

    run: str
    step: int
    target: str
    domains: tuple[str, ...]
    steps: tuple[SweepStep, ...]


@dataclass(frozen=True)
class Counterfactuals:
    """The loss of N tokens under every expert of a layer alone, for `core.analysis.expertise` and `routers`.

    exact_at_once: nothing above the layer mixes tokens, so all tokens of the examples were measured; else
    each token was measured in a copy of its example, and N are a sample. loss_NE: nats of the token (of its
    whole example, where that has one loss). chosen_N: the router's first choice, -1 = none; actual_N: the
    loss with the routing as it is. token_N: -1 where inputs are no tokens. sequence_N: which tokens belong to
    one example; domain_N indexes `domains`.
    """

    run: str
    step: int
    path: str
    exact_at_once: bool
    domains: tuple[str, ...]
    loss_NE: Floats
    chosen_N: npt.NDArray[np.int16]
    actual_N: Floats
    token_N: npt.NDArray[np.int32]
    position_N: npt.NDArray[np.int32]
    sequence_N: npt.NDArray[np.int32]
    domain_N: npt.NDArray[np.int16]


@dataclass(frozen=True)
class Experts:
    """The experts of one layer as arrays, for `core.analysis.similarity` and `geometry`.

    neurons_E: of each expert [H, W], a row a hidden neuron: its weights in (gate first), then out; an empty
    tuple where experts are of a kind without hidden neurons. output_END: what each expert gives for the same
    N held-out tokens, without a weight. load_E: tokens that chose it, of all the sequences that these are
    from. router_ED: a row an expert, None where the router has no such rows.
    """

    run: str
    step: int
    path: str
    neurons_E: tuple[Floats, ...]
    output_END: Floats
    load_E: npt.NDArray[np.int64]
    router_ED: Floats | None


#: Every dataclass that an answer may be made of.
KINDS: tuple[type[Any], ...] = (
    Counterfactuals,
    Experts,
    Generation,
    Inspection,
    LayerView,
    Shift,
    Sweep,
    SweepStep,
    TraceFile,
    WhatIf,
)
