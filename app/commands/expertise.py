"""`python -m app expertise RUN`: does the router pick the experts that do better, and what does it lose?"""

import argparse
import json

from app.asking import answered, design_of, layer_path
from app.errors import UserError
from app.judging import FRESH, HASH, judge
from core.analysis.errors import AnalysisError
from core.analysis.reading import plain
from core.probe.answers import Counterfactuals


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A run and a layer."""
    parser.add_argument("run_id", metavar="RUN", help="id of a run")
    parser.add_argument("--layer", help="number or path of a routed layer (default: the last)")
    parser.add_argument("--examples", type=int, default=16, metavar="N", help="held-out, of a domain (16)")
    parser.add_argument(
        "--tokens", type=int, default=400, metavar="N", help="where each is measured alone (400)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def run(args: argparse.Namespace) -> int:
    """Print the verdict, and the regret of this router beside others."""
    path = None if args.layer is None else layer_path(design_of(args.run_id), args.layer)
    asked = {"path": path, "examples": args.examples, "tokens": args.tokens}
    found: Counterfactuals = answered(args.run_id, "expertise", **asked)
    try:
        judged = judge(found)
    except AnalysisError as error:
        raise UserError(str(error)) from error
    told, routers = judged.told, judged.routers
    if args.json:
        layer = {"run": found.run, "step": found.step, "layer": found.path}
        print(json.dumps({**layer, "expertise": plain(told), "routers": plain(routers)}))
        return 0
    print(f"{found.run}  step {found.step:,}  {found.path}  {routers.tokens:,} held-out tokens")
    print(told.reading)
    width = max(map(len, routers.names))
    for name, (regret, low, high), (hit, *_) in zip(
        routers.names, routers.regret_R.tolist(), routers.agreement_R.tolist(), strict=True
    ):
        print(
            f"{name:<{width}}  regret {regret:.3f} nats  95 % {low:.3f} to {high:.3f}  best expert {hit:.1%}"
        )
    if HASH in routers.names:
        print(FRESH)
    print(routers.reading)
    return 0
