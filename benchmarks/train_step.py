"""A whole training step, ours against transformers' Mixtral of the same size.

`PYTHONPATH=. python benchmarks/train_step.py [--rounds 5] [--experts 8,2,256] [--bfloat16] [--compile]`

4 layers of width 128, 4 heads, context 128, 256 tokens of vocabulary, batch 16, on one thread: forward, cross
entropy, backward, fused AdamW. Equal numbers of parameters; no balancer on either side. In every round each
contestant takes one step on the same fresh random tokens, in random order; figures are medians of per-round
ratios of process CPU time. `--bfloat16` adds ours with the experts' products in bfloat16, `--compile` ours
with attention and norms through torch.compile.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported

import argparse
import random
import statistics
import time
from collections.abc import Callable

import torch
import transformers
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import MixtralConfig, MixtralForCausalLM

from benchmarks.moe_layer import processor, ratio
from core.design.presets.pieces import attention, decoder, glu, language, layer, moe, repeat, router
from core.design.spec import Design
from core.model.bodies.base import RoutedBody
from core.model.build import build
from core.model.execute.tune import fastest, shape_of
from core.model.experts import ExpertBank, GroupShape
from core.model.model import Model

WIDTH, LAYERS, HEADS, CONTEXT, BATCH, VOCABULARY = 128, 4, 4, 128, 16, 256


def mixtral(experts: int, k: int, hidden: int, way: str) -> nn.Module:
    """transformers' model with sdpa attention, without its router loss."""
    config = MixtralConfig(
        vocab_size=VOCABULARY, hidden_size=WIDTH, intermediate_size=hidden, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, num_key_value_heads=HEADS, num_local_experts=experts,
        num_experts_per_tok=k, max_position_embeddings=CONTEXT, use_cache=False, tie_word_embeddings=False,
        attn_implementation="sdpa",
    )  # fmt: skip
    config._experts_implementation = way
    return MixtralForCausalLM(config)


def ours(experts: int, k: int, hidden: int, expert_dtype: str) -> nn.Module:
    """The studio's model, in the execution that a resolved plan would name."""
    block = layer(attention(HEADS), moe([glu(hidden, experts)], router(k)))
    design = Design.model_validate(
        {"width": WIDTH, "task": language(CONTEXT), "stacks": decoder(repeat(LAYERS, block))}
    )
    shape = shape_of(ExpertBank(WIDTH, [GroupShape("glu", experts, hidden)]), BATCH * CONTEXT, k)
    assert shape is not None
    return build(design, execution=fastest(shape), expert_dtype=expert_dtype)


def step_of(model: nn.Module, logits: Callable[[Tensor], Tensor]) -> Callable[[Tensor], None]:
    """One optimizer step on tokens [B, S + 1]."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def step(tokens: Tensor) -> None:
        loss = F.cross_entropy(logits(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def rest_compiled(model: nn.Module) -> nn.Module:
    """The model, its attention and norms compiled."""
    assert isinstance(model, Model)
    for _, part in model.parts():
        if not isinstance(part.body, RoutedBody):
            part.body.compile()
        if part.norm is not None:
            part.norm.compile()
    return model


def contestants(
    experts: int, k: int, hidden: int, bfloat16: bool, compiled: bool
) -> dict[str, Callable[[Tensor], None]]:
    """A step of each."""
    steps = {}
    for way in ("eager", "grouped_mm"):
        model = mixtral(experts, k, hidden, way)
        steps[way] = step_of(model, lambda tokens, model=model: model(input_ids=tokens).logits)
    for name in ("float32", "bfloat16")[: 1 + bfloat16]:
        model = ours(experts, k, hidden, name)
        steps[name] = step_of(model, lambda tokens, model=model: model(tokens).logits["next"])
        print(f"ours, {name}: {sum(p.numel() for p in model.parameters())} parameters")
    if compiled:
        model = rest_compiled(ours(experts, k, hidden, "float32"))
        steps["float32, rest compiled"] = step_of(model, lambda tokens: model(tokens).logits["next"])
    print(f"transformers: {sum(p.numel() for p in mixtral(experts, k, hidden, 'eager').parameters())}")
    return steps


def main() -> None:
    """Prints CPU ms a step and the speed-up over the faster peer."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--experts", default="8,2,256", help="experts, of a token, hidden width")
    parser.add_argument("--bfloat16", action="store_true")
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{processor()}; torch {torch.__version__}, transformers {transformers.__version__}")
    experts, k, hidden = (int(part) for part in options.experts.split(","))
    steps = contestants(experts, k, hidden, options.bfloat16, options.compile)
    times: dict[str, list[float]] = {name: [] for name in steps}
    for round_ in range(options.rounds + 1):
        tokens = torch.randint(0, VOCABULARY, (BATCH, CONTEXT + 1))
        for name in random.sample(list(steps), len(steps)):
            start = time.process_time()
            steps[name](tokens)
            if round_:  # the first round warms up
                times[name].append(time.process_time() - start)
    print("\n| | ms | tokens/s | best peer / this |\n|---|---|---|---|")
    for name, found in times.items():
        ms = statistics.median(found) * 1e3
        gain = min(ratio(times, peer, name) for peer in ("eager", "grouped_mm"))
        print(f"| {name} | {ms:.0f} | {1e3 * BATCH * CONTEXT / ms:.0f} | {gain:.2f} |")


if __name__ == "__main__":
    main()
