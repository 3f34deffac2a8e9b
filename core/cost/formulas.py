"""What each formula id means, in the letters of the field.

B sequences, S tokens of a sequence, T = B*S, C context, D model width, E experts, K for a token, H hidden
width, V vocabulary, b bytes of a number.
"""

from __future__ import annotations

FORMULAS: dict[str, str] = {
    "count.total": "sum of all parameter tensors; a tied head owns none",
    "count.active.R1": "not routed + routed * K / E (unequal experts: sum over experts of P(chosen) * size)",
    "count.active.R2": "R1 - embedding tables that are only looked up",
    "count.active.R3": "R1 - embedding - head",
    "count.kv": "sum over attention layers of 2 * kv heads * head width (latent: kv rank + rope), no window",
    "flops.forward": "2 * multiply-adds: of weights a token meets, of pairs of query and key, of state updates",
    "flops.attention": "2 * sum over layers of keys * heads * (key width + value width)",
    "flops.train": "forward + 2 * forward; inputs of the first layer need no gradient",
}
