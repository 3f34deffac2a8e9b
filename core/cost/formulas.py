"""What each formula id means, in the letters of the field.

B sequences, S tokens of a sequence, T = B*S, C context, D model width, E experts, K for a token, H hidden
width, V vocabulary, b bytes of a number.
"""

from __future__ import annotations

FORMULAS: dict[str, str] = {
    "count.total": "sum of all parameter tensors; a tied head owns none",
    "count.active.R1": "not routed + routed × K / E (unequal experts: sum over experts of P(chosen) × size)",
    "count.active.R2": "R1 - embedding tables that are only looked up",
    "count.active.R3": "R1 - embedding - head",
    "count.kv": "sum over attention layers of 2 × kv heads × head width (latent: kv rank + rope), no window",
    "count.kv.windows": "sum over attention layers of cached numbers × min(C, window) / C",
    "flops.forward": "2 × multiply-adds: of weights a token meets, of query and key pairs, of state updates",
    "flops.attention": "2 × sum over layers of keys × heads × (key width + value width)",
    "flops.train": "forward + 2 × forward; inputs of the first layer need no gradient",
    "flops.step": "passes of the objective × (forward + backward, in training)",
    "flops.phase": "sum over parts of tokens × FLOPs of a token; decoding meets C keys; training: + backward",
    "bytes.step": "sum over operators of weights that are touched + cache + activations, in and out",
    "routing.experts": "experts that compute a token: K; by scores what a run measured, else 2 (a prior)",
    "routing.experts.training": "K in training, a schedule's mean; uncertain tokens u: (1-u) K + u E, u = 0",
    "routing.devices": "I (1 - C(E - E/I, K) / C(E, K)), I islands a token may reach; or measured",
    "routing.all_to_all": "sum over layers of devices / token × D × 2 bytes (bf16)",
    "routing.fullest": "rows of the fullest island / mean over islands: 1 + MaxVio, measured",
    "routing.padded": "max H / mean H",
    "coverage.uniform": "sum over experts of 1 - (1 - K/E)**T",
    "coverage.measured": "sum over experts of 1 - (1 - p_e)**T, p_e from a trace",
    "memory.weights": "sum over tensors of numbers × bits / 8 + scales; on a device / TP, experts / EP",
    "memory.kv": "B × (sum over layers of cached numbers × min(C, window) × b + constant states × 4)",
    "memory.gradients": "parameters × b, 4 bytes where micro-batches or copies add up; / DP from ZeRO 2",
    "memory.optimizer": "parameters × (states + 4 beside 16 bits), from ZeRO 1 / DP, experts / their DP",
    "memory.copies": "matrices of layers × 2 × bits / 8: one copy for each way a narrow product reads",
    "memory.gathered": "2 × widest part, while ZeRO 3 gathers the next one's weights",
    "memory.activations": "micro-batches under way × numbers kept for the backward × b + logits × (b + 4)",
    "memory.inference_peak": "largest live set of a step: rows of experts, or logits in float32",
    "memory.fetched": "weights of the experts that one layer touches, fetched before they are multiplied",
    "memory.host": "moved share × bytes of all experts; in training × (weight + gradient + states)",
    "memory.reserved": "what the driver, the framework and its collectives hold",
    "memory.fragments": "0.035 × what moves; weights and cache do not",
    "memory.peak": "sum of the rows above that are tensors",
    "memory.total": "sum of the rows above",
    "gpu.step": "sum over operators of FLOPs / (F eta_f) + bytes / (BW eta_b) + kernels × launch,"
    " + collectives, + host",
    "money.joules": "devices × W × seconds / tokens; W measured, else 3/4 of the rated power",
    "money.million": "devices × price an hour × seconds / 3600 / tokens × 1e6",
    "fpga.step": "sum of max(cycles / f, bytes / (BW share)), cycles = n ceil(out/To) ceil(in/Ti) + fill",
    "fpga.dsp": "Ti To × slices for a multiply-add of these bits (8 × 8: 1/2, 27 × 18: 1, 32 × 16: 2)",
    "fpga.memory": "sum over buffers of tiles of the cheapest geometry for depth × width, largest first",
    "fpga.dram": "matrices × weight bits / 8 + everything else × 2 + cache",
    "gpu.rate": "tokens of a step / seconds of a step",
}
