"""The command line. A new sub-command is one file in app/commands and one line in COMMANDS.

Such a file has `add_arguments(parser)` and `run(args) -> int` (the exit status). It is imported only when it
is called, so the heavy libraries of one command never slow down another.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from app.errors import UserError
from core.data.errors import DataError
from storage.errors import StorageError

COMMANDS = {
    "serve": "start the studio in the browser",
    "presets": "list the designs to start from",
    "check": "list the problems of a design",
    "cost": "count a design's parameters and FLOPs, and cost it on a target",
    "probe": "measure this machine as a device to cost designs on",
    "diff": "say what differs between two designs, and what each costs",
    "share": "print the link that carries a whole design",
    "draw": "write the drawing of a design as an SVG file, which can be opened again",
    "train": "train a design and follow the run",
    "runs": "list runs; show one or compare two; pause, resume, stop or delete one",
    "routing": "load and specialization of the layers of a run",
    "inspect": "which experts take each token of a text, and what they add",
    "whatif": "what experts switched off, on or favoured do to losses and to what is generated",
    "experts": "how alike the experts of a layer are, and what their router looks for",
    "expertise": "whether a router picks the experts that do better, against routers that know nothing",
    "trace": "write down how texts of your own, or the held-out ones, are routed",
    "papers": "claims of papers and what was measured; measure one",
    "export": "take a trained model away as a file, checked against the run",
}
INTERRUPTED = 130


def main(argv: Sequence[str]) -> int:
    """Run one sub-command and return its exit status: 0 done, 1 not done, 2 wrong usage, 130 interrupted."""
    args = build_parser(argv[0] if argv else "").parse_args(argv)
    try:
        status: int = args.run(args)
        sys.stdout.flush()
    except (UserError, StorageError, DataError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough; a second flush at exit would complain about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def build_parser(chosen: str) -> argparse.ArgumentParser:
    """A parser that knows every command by name, and the arguments of the chosen one."""
    parser = argparse.ArgumentParser(
        prog="python -m app",
        description="MoE Studio: draw, cost, train, watch and export Mixture-of-Experts models.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        if name == chosen:
            module = import_module(f"app.commands.{name}")
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    return parser
