"""Ids: small letters, digits and hyphens, so that one also names a folder; readable, with a random tail."""

from __future__ import annotations

import re
import secrets
import unicodedata

from storage.errors import StorageError

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


def new_id(name: str) -> str:
    """A fresh id that reminds of `name`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain)[:40].strip("-")
    return f"{slug or 'untitled'}-{secrets.token_hex(3)}"


def checked_id(value: str) -> str:
    """`value` if it can be an id. Raises StorageError."""
    if not ID.fullmatch(value):
        shown = value if len(value) <= 40 else value[:39] + "…"
        raise StorageError(
            f"{shown!r} is not an id: an id has 1 to 64 small letters, digits and hyphens, so that it can "
            "name a folder. To fix this, copy the whole id from its list."
        )
    return value
