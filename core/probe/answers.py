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
    (a capacity), so that which are dropped depends on the whole text.
    """

    run: str
    step: int
    context: int
    token_T: Bytes
    position_T: npt.NDArray[np.int32]
    nll_T: Floats
    guess_TN: Bytes
    guess_probability_TN: Floats
    layers: tuple[LayerView, ...]
    together: tuple[str, ...]

    def layer(self, path: str) -> LayerView:
        """The layer of a path. Raises KeyError."""
        return {layer.path: layer for layer in self.layers}[path]


#: Every dataclass that an answer may be made of.
KINDS: tuple[type[Any], ...] = (Inspection, LayerView)
