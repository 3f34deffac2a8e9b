"""Where a forward and backward pass of our MoE layer spends its time.

`PYTHONPATH=. python benchmarks/moe_layer_shares.py [--rounds 20] [--rows 256,64,8,2,128 2048,128,8,2,512]`

CPU time of the thread in each piece, median over the passes. The matrix products are what every
implementation must do, so the rest bounds any improvement. Asking the clock adds a little to short pieces.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
import transformers

from benchmarks import moe_layer
from benchmarks.moe_layer import Row, contestants, one_pass, processor, tokens
from core.model.execute import dispatch, sparse
from core.model.execute.hidden import Hidden
from core.model.execute.products import ByNumpy

ROWS = (
    Row(256, 64, 8, 2, 128), Row(256, 256, 16, 4, 256), Row(2048, 64, 8, 2, 128),
    Row(2048, 128, 8, 2, 512), Row(2048, 64, 64, 8, 32), Row(2048, 128, 64, 8, 64),
)  # fmt: skip
#: Piece: the functions that do it, by the object that holds them.
PIECES: dict[str, list[tuple[Any, str]]] = {
    "products": [(ByNumpy, "rows"), (ByNumpy, "outer")],
    "activation": [(Hidden, "forward"), (Hidden, "backward")],
    "top-k": [(moe_layer, "top_k")],
    "sort": [(sparse, "sort_slots")],
    "combine": [(dispatch, "_bag"), (ByNumpy, "dots")],
}


def timed(function: Callable[..., Any], spent: dict[str, float], piece: str) -> Callable[..., Any]:
    """The function, its time added to that of the piece."""

    def run(*arguments: Any) -> Any:
        start = time.thread_time()
        made = function(*arguments)
        spent[piece] += time.thread_time() - start
        return made

    return run


def main() -> None:
    """Prints a Markdown table of shares."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--rows", nargs="+", type=lambda text: Row(*map(int, text.split(","))), default=ROWS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{processor()}; torch {torch.__version__}, transformers {transformers.__version__}\n")
    spent: dict[str, float] = defaultdict(float)
    for piece, places in PIECES.items():
        for holder, name in places:
            plain = timed(getattr(holder, name), spent, piece)
            static = isinstance(holder, type) and isinstance(vars(holder)[name], staticmethod)
            setattr(holder, name, staticmethod(plain) if static else plain)
    print("| T | D | E | K | H | ms | " + " | ".join(f"{piece} %" for piece in PIECES) + " | rest % |")
    print("|---" * (len(PIECES) + 7) + "|")
    for row in options.rows:
        layer = contestants(row)["ours"]
        assert isinstance(layer, moe_layer.Ours)
        layer.strategy = "numpy"
        passes: list[dict[str, float]] = []
        for _ in range(options.rounds + 3):
            x, dy = tokens(row, 0), torch.randn(1, row.T, row.D)
            spent.clear()
            start = time.thread_time()
            one_pass(layer, x, dy, backward=True)
            passes.append({**spent, "all": time.thread_time() - start})
        whole = statistics.median(each["all"] for each in passes[3:])
        shares = [
            100 * statistics.median(each[piece] / each["all"] for each in passes[3:]) for piece in PIECES
        ]
        cells = [
            *map(str, row),
            f"{whole * 1e3:.2f}",
            *(f"{s:.0f}" for s in shares),
            f"{100 - sum(shares):.0f}",
        ]
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
