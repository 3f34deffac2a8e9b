"""Settings for the whole suite: one thread, a data folder of its own, hypothesis profiles."""

import os
import tempfile
from pathlib import Path

import hypothesis
import pytest

# Before any test imports torch: spinning OpenMP threads cost more than they give on a small machine.
os.environ["OMP_NUM_THREADS"] = "1"

_DATA = tempfile.TemporaryDirectory(prefix="moe-studio-tests-", ignore_cleanup_errors=True)
os.environ["MOE_STUDIO_DATA"] = _DATA.name

# No test judges seconds, neither an example's nor those that drawing one takes.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")
hypothesis.settings.register_profile("default", max_examples=100, derandomize=True)
hypothesis.settings.register_profile("nightly", max_examples=2000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return Path(__file__).parents[1]


def pytest_unconfigure() -> None:
    """Remove the suite's data folder."""
    _DATA.cleanup()
