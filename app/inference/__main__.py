"""`python -m app.inference`: the process that answers questions about the runs of the data folder."""

import argparse

from app.inference.server import IDLE_SECONDS, serve
from app.paths import data_root
from app.worker import limit_memory

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m app.inference", description=__doc__)
    parser.add_argument(
        "--idle", type=float, default=IDLE_SECONDS, metavar="SECONDS", help="end after so long"
    )
    parser.add_argument("--memory", type=int, default=None, metavar="BYTES", help="of weights held at a time")
    given = parser.parse_args()
    limit_memory()
    serve(data_root(), given.memory, given.idle)
