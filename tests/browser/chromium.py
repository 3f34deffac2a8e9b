"""Find a Chromium or Chrome, else install one. A missing browser is an error, never a reason to skip."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, Playwright

# Chromium heeds the last list of features alone, so this one repeats what of Playwright's concerns our pages.
# The last entry is ours: for each new window Chromium draws parts of its own window in advance, nobody
# sees them without a head, and they take a quarter of the processor time of opening a page.
FEATURES_OFF = (
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
    "PreloadTopChromeWebUI",
)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    f"--disable-features={','.join(FEATURES_OFF)}",
)
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/usr/lib/chromium/chromium",
    "/usr/lib/chromium-browser/chromium-browser",
    "/opt/google/chrome/chrome",
    "/snap/bin/chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
)


class MissingBrowserError(RuntimeError):
    """No Chromium was found and none could be installed."""


def launch(play: Playwright) -> Browser:
    """A running headless Chromium: the installed one, else Debian's, else Playwright's own.

    Raises:
        MissingBrowserError: with what was tried and how to install one by hand.
    """
    path = find(play) or _install_debian() or _install_playwright(play)
    if path is None:
        raise MissingBrowserError(
            "No Chromium or Chrome was found on PATH or in the usual places, and installing one failed. "
            "To fix this, install Chromium or Chrome, or run `python -m playwright install chromium`."
        )
    return play.chromium.launch(executable_path=path, args=list(FLAGS))


def find(play: Playwright) -> str | None:
    """Path of an installed browser that starts, or None."""
    on_path = (shutil.which(name) for name in NAMES)
    for candidate in (*on_path, *PLACES, play.chromium.executable_path):
        if candidate and Path(candidate).is_file() and _run(candidate, "--no-sandbox", "--version"):
            return candidate
    return None


def _install_debian() -> str | None:
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return None
    _run("apt-get", "update", timeout=300)
    _run("apt-get", "install", "--yes", "--no-install-recommends", "chromium", timeout=600)
    path = shutil.which("chromium")
    return path if path and _run(path, "--no-sandbox", "--version") else None


def _install_playwright(play: Playwright) -> str | None:
    _run(sys.executable, "-m", "playwright", "install", "chromium", timeout=600)
    path = play.chromium.executable_path
    return path if Path(path).is_file() else None


def _run(*command: str, timeout: float = 60) -> bool:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, env=environment, timeout=timeout, capture_output=True, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
