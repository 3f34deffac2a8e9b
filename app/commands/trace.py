"""`python -m app trace RUN [FILE...]`: an ordinary trace of texts of one's own, a domain for each file.

Without a file it is the run's own trace of its held-out tokens, as the end of a training writes it.
"""

import argparse
import json
from pathlib import Path

from app.asking import answered, text_of
from app.paths import data_root
from core.probe.answers import TraceFile
from storage import files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A run, and files or none."""
    parser.add_argument("run_id", metavar="RUN", help="id of a run")
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="a text in UTF-8; without one the held-out tokens are traced again",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def run(args: argparse.Namespace) -> int:
    """Print where the trace lies."""
    texts = [{"name": path.name, "text": text_of(path)} for path in args.files]
    asked = {"texts": texts} if texts else {"own": True}
    found: TraceFile = answered(args.run_id, "trace", **asked)
    path = files.folder(data_root(), "runs", args.run_id) / found.path
    if args.json:
        print(
            json.dumps({"run": args.run_id, "path": str(path), "tokens": found.tokens, "bytes": found.bytes})
        )
    else:
        print(f"{path}  {found.tokens:,} tokens of {', '.join(found.domains)}, {found.bytes / 1e6:.2f} MB")
    return 0
