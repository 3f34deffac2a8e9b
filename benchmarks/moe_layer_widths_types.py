"""One MoE layer with experts of unequal widths, and with matrix products in bfloat16.

`PYTHONPATH=. python benchmarks/moe_layer_widths_types.py [--rounds 7] [--only widths types]`

Measured as in moe_layer.py. Unequal widths: transformers knows one width, so its layer pads every expert to
the widest. bfloat16: products only, weights and gradients float32; the peer stays float32, because autocast
slows it down on CPUs.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported

import argparse
import statistics

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.moe_layer import HF, Ours, Row, contestants, measure, processor, ratio
from core.model.execute.sparse import sparse
from core.model.execute.tune import fastest, shape_of
from core.model.experts import ExpertBank, GroupShape
from core.model.topk import top_k

WIDTHS = {
    "64 to 576": (64, 128, 128, 256, 256, 256, 384, 576),
    "arithmetic": (32, 64, 96, 128, 160, 192, 224, 256),
    "one wide": (512, 128, 128, 128, 128, 128, 128, 128),
}
TYPES = [Row(2048, 128, 8, 2, 256), Row(2048, 256, 8, 2, 512), Row(8192, 128, 8, 2, 256)]
T, D, K = 2048, 128, 2


class Unequal(nn.Module):
    """Ours with a group for each run of equal widths; experts hold the first rows of the padded twin's."""

    def __init__(self, widths: tuple[int, ...], twin: nn.Module) -> None:
        super().__init__()
        self.router_ED = nn.Parameter(twin.get_parameter("gate.weight").detach().clone())
        self.bank = ExpertBank(D, [GroupShape("glu", 1, width) for width in widths])
        gate_up, down = (twin.get_parameter(f"experts.{name}") for name in ("gate_up_proj", "down_proj"))
        most = max(widths)
        with torch.no_grad():
            for e, (width, group) in enumerate(zip(widths, self.bank.members(), strict=True)):
                # What the padding holds must not count.
                gate_up[e, width:most], gate_up[e, most + width :], down[e, :, width:] = 0, 0, 0
                mine = group.get_parameter("gate_up_EHD")[0]
                mine[:width], mine[width:] = gate_up[e, :width], gate_up[e, most : most + width]
                group.get_parameter("down_EDH")[0] = down[e, :, :width]
        shape = shape_of(self.bank, T, K)
        self.strategy = fastest(shape) if shape else None

    def forward(self, x: Tensor) -> Tensor:
        x_TD = x.view(-1, D)
        weight_TK, expert_TK = top_k(F.linear(x_TD, self.router_ED).softmax(-1), K)
        weight_TK = weight_TK / weight_TK.sum(-1, keepdim=True)
        return sparse(self.bank, x_TD, expert_TK, weight_TK, self.strategy).view_as(x)


def unequal_widths(rounds: int) -> None:
    """Ours at the true widths, the peers padded to the widest."""
    print("\n### Unequal widths, forward + backward\n")
    print(f"T={T}, D={D}, E=8, K={K}; dense has the widths' mean times K.\n")
    print(
        "| widths | dense ms | eager, padded | grouped_mm, padded | padded bmm | ours | best padded / ours |"
    )
    print("|---" * 7 + "|")
    gains = []
    for name, widths in WIDTHS.items():
        row = Row(T, D, len(widths), K, max(widths))
        layers = contestants(row)
        layers["ours"] = Unequal(widths, layers["eager"])
        for peer in (*HF[:2], "padded"):
            if peer in layers and peer != "eager":
                _copy(layers["eager"], layers[peer])
        layers["dense"] = contestants(row._replace(H=sum(widths) // len(widths)))["dense"]
        times = measure(row, True, rounds, layers=layers)
        padded = (*HF[:2], "padded")
        gains.append(min(ratio(times, peer, "ours") for peer in padded))
        cells = [f"{ratio(times, way, 'dense'):.2f}" for way in (*padded, "ours")]
        dense = f"{1e3 * statistics.median(times['dense']):.1f}"
        print(f"| {name} | {dense} | " + " | ".join(cells) + f" | **{gains[-1]:.2f}** |", flush=True)
    print(f"\nbest padded / ours: geometric mean {statistics.geometric_mean(gains):.2f}", flush=True)


def _copy(source: nn.Module, target: nn.Module) -> None:
    """Weights by their order, which all contestants share."""
    with torch.no_grad():
        for theirs, mine in zip(source.parameters(), target.parameters(), strict=True):
            mine.copy_(theirs)


def types(rounds: int) -> None:
    """Ours in both types against the peers in float32."""
    print("\n### bfloat16 products, forward + backward\n")
    print(
        "| T | D | E | K | H | dense ms | eager | grouped_mm | ours | ours, bfloat16 | best peer / bfloat16 |"
    )
    print("|---" * 11 + "|")
    gains = []
    for row in TYPES:
        layers = contestants(row)
        layers.pop("padded")
        layers["bfloat16"] = Ours(row, layers["eager"], backward=True, dtype=torch.bfloat16)
        times = measure(row, True, rounds, layers=layers)
        gains.append(min(ratio(times, peer, "bfloat16") for peer in HF[:2]))
        cells = [f"{ratio(times, way, 'dense'):.2f}" for way in (*HF[:2], "ours", "bfloat16")]
        dense = f"{1e3 * statistics.median(times['dense']):.1f}"
        print("| " + " | ".join([*map(str, row), dense, *cells, f"**{gains[-1]:.2f}**"]) + " |", flush=True)
    print(f"\nbest peer / bfloat16: geometric mean {statistics.geometric_mean(gains):.2f}", flush=True)


def main() -> None:
    """Runs both tables, or the one asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="+", choices=("widths", "types"), default=["widths", "types"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{processor()}; torch {torch.__version__}; {options.rounds} rounds")
    for name, work in (("widths", unequal_widths), ("types", types)):
        if name in options.only:
            work(options.rounds)


if __name__ == "__main__":
    main()
