"""`python -m app share DESIGN`: the part of a link that carries a whole design to any studio."""

import argparse

from app.designs import DESIGN_HELP, read_design
from app.errors import UserError
from app.links import MOST_CHARACTERS, address


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """DESIGN."""
    parser.add_argument("design", metavar="DESIGN", help=DESIGN_HELP)


def run(args: argparse.Namespace) -> int:
    """Path and query; put the host of a studio before them."""
    path = address(read_design(args.design)[0])
    if len(path) > MOST_CHARACTERS:
        raise UserError(
            f"A link to this design has {len(path):,} characters, and chats and mail cut links above "
            f"{MOST_CHARACTERS:,}. To fix this, send the design's JSON file."
        )
    print(path)
    return 0
