"""`python -m app experts RUN`: how alike the experts of a layer are, and what their router looks for."""

import argparse
import json
from collections.abc import Callable

from app.asking import answered, design_of, layer_path
from core.analysis.errors import AnalysisError
from core.analysis.geometry import Geometry, geometry
from core.analysis.reading import plain
from core.analysis.similarity import Similarity, by_cka, by_output, by_weights
from core.probe.answers import Experts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A run and a layer."""
    parser.add_argument("run_id", metavar="RUN", help="id of a run")
    parser.add_argument("--layer", help="number or path of a routed layer (default: the last)")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def run(args: argparse.Namespace) -> int:
    """Print each measure in words; with --json its matrix."""
    path = None if args.layer is None else layer_path(design_of(args.run_id), args.layer)
    found: Experts = answered(args.run_id, "experts", path=path)
    told = measures(found)
    if args.json:
        named = {
            name: str(one) if isinstance(one, AnalysisError) else plain(one) for name, one in told.items()
        }
        print(json.dumps({"run": found.run, "step": found.step, "layer": found.path, **named}))
        return 0
    print(f"{found.run}  step {found.step:,}  {found.path}  {len(found.output_END)} experts")
    for name, one in told.items():
        print(f"{name}: {one if isinstance(one, AnalysisError) else one.reading}")
    return 0


def measures(found: Experts) -> dict[str, Similarity | Geometry | AnalysisError]:
    """Each measure by name, or why the layer has none."""
    asked: dict[str, Callable[[], Similarity | Geometry]] = {
        "weights": lambda: by_weights(found.neurons_E),
        "outputs": lambda: by_output(found.output_END),
        "CKA": lambda: by_cka(found.output_END),
        "router": lambda: geometry([] if found.router_ED is None else found.router_ED, found.load_E),
    }
    told: dict[str, Similarity | Geometry | AnalysisError] = {}
    for name, measure in asked.items():
        try:
            told[name] = measure()
        except AnalysisError as error:
            told[name] = error
    return told
