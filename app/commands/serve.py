"""`python -m app serve`: the same server as `make run`."""

import argparse
import os
import sys
from pathlib import Path

from app.errors import UserError

ROOT = Path(__file__).parents[2]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--port, by default the environment's PORT, else 8501."""
    parser.add_argument("--port", type=int, default=os.environ.get("PORT", "8501"), help="default: 8501")


def run(args: argparse.Namespace) -> int:
    """Become the server, so that a signal to this process reaches it: a container stops at once."""
    if not 1 <= args.port <= 65535:
        raise UserError(
            f"Port {args.port} does not exist: ports run from 1 to 65535. To fix this, pick one such as 8501."
        )
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py", f"--server.port={args.port}"]
    os.chdir(ROOT)
    os.execv(sys.executable, command)
