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
    "count.kv.windows": "sum over attention layers of cached numbers * min(C, window) / C",
    "flops.forward": "2 * multiply-adds: of weights a token meets, of query and key pairs, of state updates",
    "flops.attention": "2 * sum over layers of keys * heads * (key width + value width)",
    "flops.train": "forward + 2 * forward; inputs of the first layer need no gradient",
    "flops.step": "passes of the objective * (forward + backward, in training)",
    "routing.experts": "experts that compute a token: K; by scores what a run measured, else 2 (a prior)",
    "routing.experts.training": "K in training, a schedule's mean; uncertain tokens u: (1-u) K + u E, u = 0",
    "routing.devices": "I (1 - C(E - E/I, K) / C(E, K)), I islands a token may reach; or measured",
    "routing.all_to_all": "sum over layers of devices / token * D * 2 bytes (bf16)",
    "routing.fullest": "rows of the fullest island / mean over islands: 1 + MaxVio, measured",
    "routing.padded": "max H / mean H",
    "coverage.uniform": "sum over experts of 1 - (1 - K/E)**T",
    "coverage.measured": "sum over experts of 1 - (1 - p_e)**T, p_e from a trace",
    "memory.weights": "matrices * bits / 8 + everything else * 2 (fp32: 4)",
    "memory.kv": "B * (sum over layers of cached numbers * min(C, window) * b + constant states * 4)",
    "memory.gradients": "parameters * b",
    "memory.optimizer": "parameters * 8 (AdamW moments), + 4 for a float32 copy of 16-bit weights",
    "memory.activations": "T * numbers each part keeps for its backward * b, + float32 softmax of the head",
    "memory.inference_peak": "largest live set of a step: rows of experts, or logits in float32",
    "memory.reserved": "what the driver and the framework hold",
    "memory.total": "sum of the rows above",
    "gpu.step": "sum over operators of max(FLOPs / (F eta_f), bytes / (BW eta_b)) + launch, + host",
    "fpga.step": "sum of max(cycles / f, bytes / (BW share)), cycles = n ceil(out/To) ceil(in/Ti) + fill",
    "fpga.dsp": "Ti To * slices for a multiply-add of these bits (8 x 8: 1/2, 27 x 18: 1, 32 x 16: 2)",
    "fpga.memory": "sum over buffers of tiles of the cheapest geometry for depth x width, largest first",
    "fpga.dram": "matrices * weight bits / 8 + everything else * 2 + cache",
    "gpu.rate": "tokens of a step / seconds of a step",
}
