"""`python -m app presets`: what to start from."""

import argparse

from core.cost.count import count
from core.cost.format import count as quantity
from core.design.presets import registry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(args: argparse.Namespace) -> int:
    """One preset a line, its name first; the text starter on the first line."""
    wide = max(map(len, registry.names()))
    for name in registry.names():
        preset, counts = registry.describe(name), count(registry.preset(name))
        size = f"{quantity(counts.total)} total, {quantity(counts.active('R1'))} active"
        source = f" ({preset.source})" if preset.source not in preset.title else ""
        print(f"{name:{wide}}  {preset.kind:9}  {size:30}  {preset.title}{source}")
    return 0
