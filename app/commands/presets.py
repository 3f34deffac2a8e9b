"""`python -m app presets`: what to start from, as it was published or small enough to train here."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from app.designs import METHOD, read_design
from app.errors import UserError
from core.cost.count import count
from core.cost.format import count as quantity
from core.design.files import write_whole
from core.design.presets import registry
from core.design.presets.methods import methods
from core.design.problems import Problem
from core.design.proxy.shrink import shrink
from core.design.spec import Design


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing for the list, or one design and where to write it."""
    parser.add_argument(
        "design", nargs="?", metavar="DESIGN", help="write this preset, or this design file, as JSON"
    )
    parser.add_argument(
        "--shrink", action="store_true", help="write its small proxy, which trains on this machine"
    )
    parser.add_argument("--out", metavar="FILE", type=Path, help="where to write the design (default: here)")
    parser.add_argument("--methods", action="store_true", help="list the routing methods of papers instead")
    parser.add_argument("--json", action="store_true", help="the list as JSON")


def run(args: argparse.Namespace) -> int:
    """The list, one preset a line and the text starter first; or one design as JSON, notes to stderr."""
    if args.design:
        return _write(args)
    if args.shrink or args.out:
        option = "--shrink" if args.shrink else "--out"
        raise UserError(
            f"{option} needs a design. To fix this, name one: python -m app presets mixtral-8x7b {option}."
        )
    rows = _methods() if args.methods else _presets()
    print(json.dumps(rows, indent=1) if args.json else "\n".join(_lines(rows)))
    return 0


def _presets() -> list[dict[str, Any]]:
    rows = []
    for name in registry.names():
        preset, counts = registry.describe(name), count(registry.preset(name))
        figures = {"total": counts.total, "active": counts.active("R1")}
        rows.append(
            {"name": name, "kind": preset.kind, **figures, "title": preset.title, "source": preset.source}
        )
    return rows


def _methods() -> list[dict[str, Any]]:
    return [
        {
            "name": f"{METHOD}{entry.name}",
            "kind": "method",
            "title": f"{entry.title}: {entry.summary}",
            "source": entry.source,
        }
        for entry in methods()
    ]


def _lines(rows: list[dict[str, Any]]) -> list[str]:
    wide = max(len(str(row["name"])) for row in rows)
    lines = []
    for row in rows:
        size = f"{quantity(row['total'])} total, {quantity(row['active'])} active" if "total" in row else ""
        source = (
            f" ({row['source']})" if row["source"] and str(row["source"]) not in str(row["title"]) else ""
        )
        lines.append(
            f"{row['name']:{wide}}  {row['kind']:9}  {size:{30 if size else 0}}  {row['title']}{source}"
        )
    return lines


def _write(args: argparse.Namespace) -> int:
    design, _ = read_design(args.design)
    if args.shrink:
        design = _small(design)
    text = json.dumps(design.model_dump(mode="json", exclude_defaults=True), indent=1) + "\n"
    if args.out is None:
        print(text, end="")
        return 0
    try:
        write_whole(args.out, text)
    except OSError as error:
        raise UserError(
            f"{args.out} cannot be written: {error.strerror}. To fix this, name another file."
        ) from None
    print(
        f"{design.name}: {quantity(count(design).total)} parameters, written to {args.out}", file=sys.stderr
    )
    return 0


def _small(design: Design) -> Design:
    """The proxy; what it keeps and changes goes to stderr. Raises UserError where there is none."""
    proxy = shrink(design)
    if isinstance(proxy, Problem):
        raise UserError(str(proxy))
    print("\n".join(proxy.notes), file=sys.stderr)
    return proxy.design
