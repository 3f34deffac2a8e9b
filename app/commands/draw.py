"""`python -m app draw DESIGN`: the drawing of the Design page as an SVG file."""

import argparse
import sys
import tomllib
from pathlib import Path

from app.composer.heat import QUANTITIES, heat_of
from app.designs import DESIGN_HELP, read_design
from app.errors import UserError
from components.canvas.layout import COLUMNS, draw
from components.canvas.svg import svg
from components.canvas.theme import Theme
from core.cost.count import count
from core.design.bodies.moe import Moe
from core.design.rules import check

CONFIG = Path(__file__).parents[2] / ".streamlit" / "config.toml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """DESIGN, where to write, and what is shown."""
    parser.add_argument("design", metavar="DESIGN", help=DESIGN_HELP)
    parser.add_argument("--out", metavar="FILE", help="the SVG file to write (default: to the screen)")
    parser.add_argument(
        "--heat", metavar="Q", choices=QUANTITIES, help=f"{' | '.join(QUANTITIES)}: colour by"
    )
    parser.add_argument("--dark", action="store_true", help="in the dark theme")
    parser.add_argument(
        "--open",
        choices=("all", "first", "none"),
        default="first",
        help="MoE layers to open (default: first)",
    )
    parser.add_argument(
        "--width", type=int, choices=COLUMNS, default=COLUMNS[1], help="pixels of the column of layers"
    )


def run(args: argparse.Namespace) -> int:
    """Write the drawing; the design is inside, so the other commands read the file as they read JSON."""
    design, _ = read_design(args.design)
    routed = [placed.pointer for placed in design.parts() if isinstance(placed.part.body, Moe)]
    opened = {"all": routed, "first": routed[:1], "none": []}[args.open]
    problems = [problem for problem in check(design) if problem.stage in ("design", "cost")]
    heat = heat_of(design, args.heat, opened) if args.heat else None
    counts = count(design)
    picture = draw(design, counts, problems, opened=opened, width=args.width, heat=heat)
    text = svg(picture, design, theme("dark" if args.dark else "light"))
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


def theme(name: str) -> Theme:
    """The colours of the light or dark theme, from where the pages have them."""
    values = tomllib.loads(CONFIG.read_text(encoding="utf-8"))["theme"]
    chosen = values[name]
    kinds = chosen["chartCategoricalColors"]
    return Theme(
        ink=chosen["textColor"],
        paper=chosen["backgroundColor"],
        well=chosen["secondaryBackgroundColor"],
        line=chosen["borderColor"],
        accent=chosen["primaryColor"],
        warning=chosen["orangeColor"],
        warning_paper=chosen["orangeBackgroundColor"],
        error=chosen["redColor"],
        error_paper=chosen["redBackgroundColor"],
        attention=kinds[0],
        expert=kinds[2],
        router=kinds[4],
        shared=kinds[7],
        ramp=tuple(chosen["chartSequentialColors"]),
        font=values["font"],
    )
