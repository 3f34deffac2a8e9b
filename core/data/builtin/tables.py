"""Tables that scikit-learn ships with its package: no download."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from core.data.columns import Column
from core.data.examples import ExampleData
from core.data.table import build_table

TABLES: dict[str, tuple[str, str]] = {
    "iris": ("Iris flowers", "150 flowers, 4 measures, 3 species"),
    "wine": ("Wines", "178 wines, 13 analyses, 3 growers"),
    "breast_cancer": ("Breast cancer", "569 samples, 30 measures, 2 diagnoses"),
    "diabetes": ("Diabetes", "442 patients, 10 measures, progression after a year"),
}
TARGETS = {"iris": "species", "wine": "grower", "breast_cancer": "diagnosis", "diabetes": "progression"}


@lru_cache(maxsize=len(TABLES))
def open_table(table: str) -> ExampleData:
    """One of `TABLES` by name."""
    # Here, because importing scikit-learn takes longer than everything else this package does.
    from sklearn import datasets

    title, _ = TABLES[table]
    bunch = getattr(datasets, f"load_{table}")()
    columns = [Column(str(name), bunch.data[:, i]) for i, name in enumerate(bunch.feature_names)]
    target = TARGETS[table]
    if "target_names" in bunch:
        labels = Column(target, words=tuple(str(name) for name in bunch.target_names[bunch.target]))
    else:
        labels = Column(target, np.asarray(bunch.target, np.float64))
    return build_table(f"table:{table}", title, [*columns, labels], [target])
