"""What each constant is, what it is before any timing is seen, and how sure that is.

A prior is a value and a standard deviation of its logarithm; the fit pays for leaving it, so that few timings
cannot carry a constant far (shrinkage). `name.class` holds for a class of software, `name~stack` is a factor
that one stack may differ by.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Prior:
    """Value, standard deviation of its logarithm, and what it stands for."""

    value: float
    spread: float
    why: str


PRIORS: dict[str, Prior] = {
    "memory": Prior(0.85, 0.1, "share of the bandwidth that streams: 80 to 92 % in copies, HBM and GDDR"),
    "dense": Prior(0.7, 0.15, "share of the peak of large dense products: 65 to 75 % with vendor libraries"),
    "grouped": Prior(0.7, 0.15, "the same for grouped products of experts"),
    "attention": Prior(0.5, 0.25, "the same for fused attention (arXiv 2307.08691: 50 to 73 %)"),
    "side": Prior(48, 0.4, "smaller side of a matrix at which half of that is reached: a fraction of a tile"),
    "narrow": Prior(0.8, 0.2, "factor on shares above the 16-bit peak: scales and casts around products"),
    "widen_memory": Prior(0.75, 0.15, "factor on the bandwidth of weights that must be widened first"),
    "widen_compute": Prior(0.75, 0.25, "the same for FLOP/s"),
    "together": Prior(0.95, 0.05, "T tokens of a batch touch as many experts as T**x that choose alone"),
    "link": Prior(0.75, 0.2, "share of a link's bandwidth that a collective has"),
    "hop": Prior(4e-6, 0.4, "seconds of a collective for each doubling of its devices"),
    "overlap": Prior(0.5, 0.2, "share of the gradients' traffic that hides behind the backward"),
    "launch.serving": Prior(5e-6, 0.3, "seconds between kernels of a replayed graph, latency included"),
    "launch.compiled": Prior(4e-6, 0.3, "the same where kernels were fused by a compiler"),
    "launch.ggml": Prior(6e-6, 0.3, "the same of ggml, which has more, smaller operators"),
    "launch.trainer": Prior(60e-6, 0.6, "seconds a kernel of a training step on its host"),
    "launch.local": Prior(12e-6, 0.5, "seconds an operator of PyTorch on a CPU"),
    "eager.serving": Prior(80e-6, 0.5, "seconds a kernel of a prefill: no graph, a queue, a scheduler"),
    "eager.compiled": Prior(30e-6, 0.5, "the same without a queue"),
    "eager.ggml": Prior(15e-6, 0.3, "the same of ggml: launches one by one"),
    "eager.trainer": Prior(60e-6, 0.6, "as while training"),
    "eager.local": Prior(12e-6, 0.5, "as while training"),
    "step.serving": Prior(0.3e-3, 0.5, "seconds a step of the host: sampling, scheduling"),
    "step.compiled": Prior(0.1e-3, 0.5, "the same, sampling alone"),
    "step.ggml": Prior(0.4e-3, 0.5, "the same, sampling on the host"),
    "step.trainer": Prior(20e-3, 0.7, "seconds a training step: data, clipping, bookkeeping"),
    "step.local": Prior(0.2e-3, 0.7, "seconds a step of PyTorch on a CPU"),
    "stream.compiled": Prior(0.7, 0.2, "factor on bandwidth: experts are gathered by index before products"),
    "stream.ggml": Prior(0.8, 0.15, "factor on bandwidth: blocks of 32 numbers with scales, small launches"),
    "work.serving": Prior(0.7, 0.3, "factor on FLOP shares: chunked prefills share the device with decoding"),
    "work.ggml": Prior(0.9, 0.25, "the same: dense models reach 60 to 75 % of the peak on Apple and NVIDIA"),
    "work.trainer": Prior(0.7, 0.25, "the same: permutations, casts and norms between products"),
    "work.local": Prior(1.2, 0.3, "the same: this machine's peak is a measured product already"),
    "launch~sglang": Prior(1.0, 0.2, "factor of one stack on its class"),
    "launch~vllm": Prior(1.0, 0.2, "factor of one stack on its class"),
    "launch~trtllm": Prior(1.0, 0.2, "factor of one stack on its class"),
    "eager~sglang": Prior(1.0, 0.4, "factor of one stack on its class"),
    "eager~vllm": Prior(1.0, 0.4, "factor of one stack on its class"),
    "eager~trtllm": Prior(1.0, 0.4, "factor of one stack on its class"),
}
