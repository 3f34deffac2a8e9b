"""`python -m app probe`: what this machine does, as a device for the estimator; ten seconds."""

import argparse
import json

from app.errors import UserError
from core.cost import format as fmt
from core.cost.devices import registry
from core.model.probe import probe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How long, on what, and how to print."""
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to measure (default: 10)")
    parser.add_argument("--device", help="cpu or cuda; by default a GPU where there is one")
    parser.add_argument("--json", action="store_true", help="one JSON object: a device of your own")


def run(args: argparse.Namespace) -> int:
    """Measure, and print peaks, bandwidth and the launch of an operator."""
    if not 0.1 <= args.seconds <= 600:
        raise UserError("A probe takes 0.1 to 600 seconds. To fix this, leave --seconds out.")
    try:
        found = probe(args.seconds, args.device)
    except (ValueError, RuntimeError) as error:
        raise UserError(str(error)) from None
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    on = registry.own(found)
    print(f"{on.title}: {fmt.size(on.memory)}, {fmt.size(on.bandwidth)}/s")
    for form, peak in on.peak.items():
        print(f"{form}: {fmt.work(peak)}/s")
    print(f"an operator: {fmt.seconds(found['launch_us'] / 1e6)}")
    print(on.source)
    return 0
