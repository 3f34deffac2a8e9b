"""One MoE layer, ours against transformers' Mixtral block and a dense layer of equal active FLOPs.

`PYTHONPATH=. python benchmarks/moe_layer.py [--quick] [--rows grid zipf decode T,D,E,K,H]
[--passes forward both] [--threads N]`

All are float32 on one thread, or on N, and hold the same weights. In every round each contestant runs once,
in random order, on the same fresh random tokens; a table cell is the median over the rounds of the ratio of
process CPU times, or with several threads of wall times. Contestants' outputs are compared before timing.
Rows of `zipf` load expert e in proportion to 1/e; all others evenly. Ours trains in the way that a resolved
plan would name.
"""

import argparse
import os
import platform
import random
import statistics
import time
from typing import NamedTuple

import torch
import transformers
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import MixtralConfig
from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

from core.model.execute.sparse import sparse
from core.model.execute.tune import fastest, shape_of
from core.model.experts import ExpertBank, GroupShape
from core.model.topk import top_k


class Row(NamedTuple):
    """Tokens, width, experts, experts per token, hidden width of an expert."""

    T: int
    D: int
    E: int
    K: int
    H: int


GRID = [
    Row(256, 64, 4, 1, 256), Row(256, 64, 8, 2, 128), Row(256, 64, 64, 8, 32),
    Row(256, 128, 8, 2, 256), Row(256, 128, 64, 8, 64), Row(256, 256, 16, 4, 256),
    Row(2048, 64, 4, 2, 256), Row(2048, 64, 8, 2, 128), Row(2048, 64, 64, 8, 32),
    Row(2048, 128, 4, 1, 512), Row(2048, 128, 8, 2, 256), Row(2048, 128, 8, 2, 512),
    Row(2048, 128, 16, 4, 128), Row(2048, 128, 64, 8, 64), Row(2048, 256, 8, 2, 512),
    Row(2048, 256, 64, 4, 128), Row(8192, 64, 64, 8, 32), Row(8192, 128, 8, 2, 256),
]  # fmt: skip
DECODE = [
    Row(t, *shape) for shape in ((128, 8, 2, 256), (128, 64, 8, 64), (256, 8, 2, 512)) for t in (1, 4, 32)
]
ZIPF = [Row(2048, 128, 8, 2, 256), Row(2048, 128, 16, 4, 128), Row(2048, 128, 64, 8, 64)]
GATHERING_LIMIT = 4  # tokens; batched_mm copies an expert per slot, 80 times slower than the rest at 256
TABLES = {"grid": GRID, "zipf": ZIPF, "decode": DECODE}
HF = ("eager", "grouped_mm", "batched_mm")
#: Others that are shown: pad every expert to the busiest and multiply in one batch.
WAYS = (*HF, "padded")


class Ours(nn.Module):
    """The arithmetic of the Mixtral block: softmax over the router's logits, top k, renormalised, sparse
    experts.

    backward: whether it will be trained, in the way a resolved plan would name. dtype: of the products.
    """

    def __init__(
        self, row: Row, twin: MixtralSparseMoeBlock, backward: bool, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.k, self.dtype = row.K, dtype
        self.router_ED = nn.Parameter(twin.gate.weight.detach().clone())
        self.bank = ExpertBank(row.D, [GroupShape("glu", row.E, row.H)])
        group = self.bank.members()[0]
        with torch.no_grad():
            group.get_parameter("gate_up_EHD").copy_(twin.experts.gate_up_proj)
            group.get_parameter("down_EDH").copy_(twin.experts.down_proj)
        shape = shape_of(self.bank, row.T, row.K) if backward else None
        self.strategy = fastest(shape) if shape else None

    def forward(self, x: Tensor) -> Tensor:
        x_TD = x.view(-1, x.shape[-1])
        weight_TK, expert_TK = top_k(F.linear(x_TD, self.router_ED).softmax(-1), self.k)
        weight_TK = weight_TK / weight_TK.sum(-1, keepdim=True)
        return sparse(self.bank, x_TD, expert_TK, weight_TK, self.strategy, dtype=self.dtype).view_as(x)


class Padded(nn.Module):
    """The same, every expert's rows padded to those of the busiest and multiplied in one batch."""

    def __init__(self, row: Row, twin: MixtralSparseMoeBlock) -> None:
        super().__init__()
        self.k = row.K
        self.router_ED = nn.Parameter(twin.gate.weight.detach().clone())
        self.gate_up_EHD = nn.Parameter(twin.experts.gate_up_proj.detach().clone())
        self.down_EDH = nn.Parameter(twin.experts.down_proj.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        x_TD = x.view(-1, x.shape[-1])
        weight_TK, expert_TK = F.linear(x_TD, self.router_ED).softmax(-1).topk(self.k)
        weight_TK = weight_TK / weight_TK.sum(-1, keepdim=True)
        expert_S, order_S = expert_TK.reshape(-1).sort(stable=True)
        size_E = torch.bincount(expert_S, minlength=len(self.router_ED))
        most = int(size_E.max())
        place_S = expert_S * most + torch.arange(len(expert_S)) - (size_E.cumsum(0) - size_E)[expert_S]
        rows_PD = x_TD.new_zeros(len(size_E) * most, x_TD.shape[1])
        rows_PD = rows_PD.index_copy(0, place_S, x_TD.index_select(0, order_S // self.k))
        h = torch.bmm(rows_PD.view(len(size_E), most, -1), self.gate_up_EHD.transpose(1, 2))
        gate, up = h.chunk(2, -1)
        y_PD = torch.bmm(F.silu(gate) * up, self.down_EDH.transpose(1, 2)).flatten(0, 1)
        y_SD = y_PD.index_select(0, place_S) * weight_TK.reshape(-1)[order_S, None]
        return torch.zeros_like(x_TD).index_add(0, order_S // self.k, y_SD).view_as(x)


class Dense(nn.Module):
    """A SwiGLU layer whose hidden width is that of the K experts of a token together."""

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.into = nn.Linear(row.D, 2 * row.K * row.H, bias=False)
        self.down = nn.Linear(row.K * row.H, row.D, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.into(x).chunk(2, -1)
        out: Tensor = self.down(F.silu(gate) * up)
        return out


def contestants(row: Row, backward: bool = True, skew: float = 0.0) -> dict[str, nn.Module]:
    """Freshly made, all MoE layers with equal weights. skew: how unevenly, see `tokens`."""
    made: dict[str, nn.Module] = {}
    for way in HF if row.T <= GATHERING_LIMIT else HF[:2]:
        config = MixtralConfig(
            hidden_size=row.D, intermediate_size=row.H, num_local_experts=row.E, num_experts_per_tok=row.K
        )
        config._experts_implementation = way
        made[way] = MixtralSparseMoeBlock(config)
    for parameter in made["eager"].parameters():
        nn.init.normal_(parameter, std=parameter.shape[-1] ** -0.5)
    with torch.no_grad():
        share_E = torch.arange(1, row.E + 1, dtype=torch.float32) ** -skew
        made["eager"].gate.weight[:, 0] = share_E.log() if skew else made["eager"].gate.weight[:, 0]
    for way in list(made)[1:]:
        made[way].load_state_dict(made["eager"].state_dict())
    if row.T > GATHERING_LIMIT:
        made["padded"] = Padded(row, made["eager"])
    return made | {"ours": Ours(row, made["eager"], backward), "dense": Dense(row)}


def tokens(row: Row, skew: float) -> Tensor:
    """Fresh random tokens [1, T, D]; under skew the first number is 1, which the router's first column turns
    into a share of about 1/e^skew for expert e.
    """
    x = torch.randn(1, row.T, row.D)
    if skew:
        x[..., 0] = 1
    return x


def check(row: Row, layers: dict[str, nn.Module], skew: float = 0.0) -> None:
    """Raises AssertionError unless all MoE layers agree on all tokens but those whose routing is a tie."""
    x = tokens(row, skew)
    with torch.no_grad():
        probability = F.linear(x[0], layers["ours"].get_parameter("router_ED")).softmax(-1)
        last = probability.topk(min(row.K + 1, row.E)).values
        clear_T = last[:, row.K - 1] > last[:, -1] if row.K < row.E else torch.ones(row.T, dtype=torch.bool)
        wanted = layers["eager"](x)[0][clear_T]
        for name, layer in layers.items():
            if name not in ("dense", "bfloat16"):
                torch.testing.assert_close(
                    layer(x)[0][clear_T], wanted, rtol=0, atol=1e-5 * max(1, wanted.abs().max())
                )


def one_pass(layer: nn.Module, x: Tensor, dy: Tensor, backward: bool) -> None:
    """Forward without gradients, or forward and backward as in training, gradient of the input included."""
    if not backward:
        with torch.no_grad():
            layer(x)
        return
    for parameter in layer.parameters():
        parameter.grad = None
    layer(x.detach().requires_grad_()).backward(dy)


def measure(
    row: Row, backward: bool, rounds: int, skew: float = 0.0, layers: dict[str, nn.Module] | None = None
) -> dict[str, list[float]]:
    """Seconds per pass of every contestant in every round, see `seconds`."""
    layers = layers or contestants(row, backward, skew)
    check(row, layers, skew)
    times: dict[str, list[float]] = {name: [] for name in layers}
    # Small layers run several times a turn, on other tokens each time, so that a turn takes some
    # milliseconds.
    repeats = max(1, min(30, int(1.5e8 / (row.T * row.K * row.D * row.H * 6 * (3 if backward else 1) + 5e6))))
    for round_ in range(rounds + 1):
        data = [(tokens(row, skew), torch.randn(1, row.T, row.D)) for _ in range(repeats)]
        for name in random.sample(list(layers), len(layers)):
            start = seconds()
            for x, dy in data:
                one_pass(layers[name], x, dy, backward)
            if round_:  # the first round warms up
                times[name].append((seconds() - start) / repeats)
    return times


def seconds() -> float:
    """Of CPU, which others on the machine disturb least; of the clock where threads wait for one another."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def ratio(times: dict[str, list[float]], above: str, below: str) -> float:
    return statistics.median(a / b for a, b in zip(times[above], times[below], strict=True))


def table(name: str, rows: list[Row], backward: bool, rounds: int) -> None:
    """Prints a Markdown table: time relative to the dense layer, and the speed-up over the faster
    peer.
    """
    print(f"\n### {'Forward + backward' if backward else 'Forward'}, {name}\n")
    print("| T | D | E | K | H | dense ms | " + " | ".join(WAYS) + " | ours | best peer / ours |")
    print("|---" * (len(WAYS) + 8) + "|")
    gains: list[float] = []
    for row in rows:
        times = measure(row, backward, rounds, skew=float(name == "zipf"))
        peers = [peer for peer in HF if peer in times]
        gains.append(min(ratio(times, peer, "ours") for peer in peers))
        cells = [f"{ratio(times, way, 'dense'):.2f}" if way in times else "–" for way in (*WAYS, "ours")]
        dense = 1e3 * statistics.median(times["dense"])
        print(
            "| " + " | ".join([*map(str, row), f"{dense:.2f}", *cells, f"**{gains[-1]:.2f}**"]) + " |",
            flush=True,
        )
    print(f"\nbest peer / ours: geometric mean {statistics.geometric_mean(gains):.2f}, "
          f"least {min(gains):.2f}, most {max(gains):.2f} (n={len(gains)})", flush=True)  # fmt: skip


def processor() -> str:
    """Model name and family from /proc/cpuinfo where there is one."""
    try:
        with open("/proc/cpuinfo") as file:  # noqa: PTH123
            fields = dict(line.split(":", 1) for line in file.read().split("\n\n")[0].splitlines())
    except OSError:
        return platform.processor() or platform.machine()
    found = {key.strip(): value.strip() for key, value in fields.items()}
    name, family, model = (found.get(key, "?") for key in ("model name", "cpu family", "model"))
    return f"{name} (family {family}, model {model}), {torch.backends.cpu.get_cpu_capability()}"


def rows_of(text: str) -> tuple[str, list[Row]]:
    """A named table, or T,D,E,K,H."""
    if text in TABLES:
        return text, TABLES[text]
    try:
        return text, [Row(*(int(number) for number in text.split(",")))]
    except (TypeError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is neither grid, zipf, decode nor T,D,E,K,H") from error


def main() -> None:
    """Runs what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="5 rounds a row instead of 15")
    parser.add_argument("--rows", nargs="+", type=rows_of, default=list(TABLES.items()), metavar="ROWS")
    parser.add_argument("--passes", nargs="+", choices=("forward", "both"), default=["forward", "both"])
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rounds = 5 if options.quick else 15
    print(
        f"{processor()}, {os.cpu_count()} cores, threads: {options.threads}; torch {torch.__version__}, "
        f"transformers {transformers.__version__}, Python {platform.python_version()}; {rounds} rounds"
    )
    for way in options.passes:
        for name, rows in options.rows:
            table(name, rows, way == "both", rounds)


if __name__ == "__main__":
    main()
