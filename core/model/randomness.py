"""Random numbers as pure functions of names and numbers; the global generators are never touched."""

from __future__ import annotations

import hashlib

import torch


def generator(*key: int | str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of its own for each key: equal keys give equal streams, others independent ones."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    made = torch.Generator(device)
    made.manual_seed(int.from_bytes(digest, "big") >> 1)
    return made
