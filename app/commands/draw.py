"""`python -m app draw DESIGN`: the drawing of the Design page as an SVG file."""

import argparse
import sys
from pathlib import Path

from app.composer.heat import QUANTITIES
from app.designs import DESIGN_HELP, read_design
from app.drawing import drawing
from app.errors import UserError
from components.canvas.layout import COLUMNS
from core.design.bodies.moe import Moe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """DESIGN, where to write, and what is shown."""
    parser.add_argument("design", metavar="DESIGN", help=DESIGN_HELP)
    parser.add_argument("--out", metavar="FILE", help="the SVG file to write (default: to the screen)")
    parser.add_argument("--heat", choices=QUANTITIES, help="colour the parts by their share of it")
    parser.add_argument("--dark", action="store_true", help="in the dark theme")
    parser.add_argument(
        "--open", choices=("all", "first", "none"), default="first", help="which MoE layers (default: first)"
    )
    parser.add_argument(
        "--width", type=int, choices=COLUMNS, default=COLUMNS[1], help="pixels of the column of layers"
    )


def run(args: argparse.Namespace) -> int:
    """Write the drawing; the design is inside, so the other commands read the file as they read JSON."""
    design, _ = read_design(args.design)
    routed = [placed.pointer for placed in design.parts() if isinstance(placed.part.body, Moe)]
    opened = {"all": routed, "first": routed[:1], "none": []}[args.open]
    text = drawing(design, opened, heat=args.heat or "", width=args.width, dark=args.dark)
    if args.out is None:
        sys.stdout.write(text)
        return 0
    try:
        Path(args.out).expanduser().write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{args.out} cannot be written: {error.strerror}. To fix this, name a file in a folder of yours."
        ) from None
    print(f"wrote {args.out}")
    return 0
