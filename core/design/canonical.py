"""Canonical JSON: sorted keys, no spaces, values equal to their default left out.

A new field with a default therefore changes no old hash.
"""

from __future__ import annotations

import json

from core.design.base import Spec


def canonical_json(spec: Spec, *, without: frozenset[str] = frozenset()) -> str:
    """`spec` as canonical JSON, without the top-level fields in `without`."""
    data = spec.model_dump(mode="json", exclude_defaults=True, exclude=set(without))
    for name, value in spec.model_dump(mode="json", include={"kind", "schema_version"}).items():
        data.setdefault(name, value)
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
