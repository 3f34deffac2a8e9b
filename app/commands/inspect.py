"""`python -m app inspect RUN --text TEXT`: which experts take each token of a text, and what they add."""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from app.asking import answered, design_of, text_of
from app.columns import columns
from app.record import routed_layers
from core.analysis.reading import plain
from core.probe.answers import Inspection, LayerView


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A run and a text."""
    parser.add_argument("run_id", metavar="RUN", help="id of a run")
    text = parser.add_mutually_exclusive_group(required=True)
    text.add_argument("--text", help="the text; - reads it from standard input")
    text.add_argument("--file", type=Path, metavar="FILE", help="a file with the text, in UTF-8")
    parser.add_argument("--domain", help="the domain to tell routers that are told one")
    parser.add_argument("--step", type=int, metavar="N", help="a kept checkpoint (default: the newest)")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def run(args: argparse.Namespace) -> int:
    """Print a row a token; with --json everything there is to know."""
    layers = routed_layers(design_of(args.run_id))
    found: Inspection = answered(args.run_id, "inspect", args.step, text=_text(args), domain=args.domain)
    print(json.dumps(plain(found)) if args.json else table(found, layers))
    return 0


def _text(args: argparse.Namespace) -> str:
    if args.file is None:
        return sys.stdin.read() if args.text == "-" else str(args.text)
    return text_of(args.file)


def table(found: Inspection, names: dict[str, str]) -> str:
    """A row a token: its byte, how surprising it was, and for each layer the experts with what they added."""
    surprise = np.concatenate([[np.nan], found.nll_T[:-1]])
    head = ["token", "nats", *(names.get(layer.path, layer.path) for layer in found.layers)]
    rows = [head]
    for t, token in enumerate(found.token_T.tolist()):
        nats = "–" if np.isnan(surprise[t]) else f"{surprise[t]:.2f}"
        rows.append([shown(token), nats, *(_picks(layer, t) for layer in found.layers)])
    told = f"{found.run}  step {found.step:,}  expert (length of what it added); x = dropped"
    return "\n".join([told, *found.notes, columns(rows)])


def _picks(layer: LayerView, t: int) -> str:
    experts, accepted, added = layer.expert_TK[t], layer.accepted_TK[t], layer.contribution_TK[t]
    return "  ".join(
        f"{expert} ({length:.2f})" if there else f"{expert} (x)"
        for expert, there, length in zip(experts.tolist(), accepted, added, strict=True)
        if expert >= 0
    )


def shown(token: int) -> str:
    """A byte as it can be read."""
    return chr(token) if 32 < token < 127 else {10: "\\n", 32: "␣"}.get(token, f"\\x{token:02x}")
