"""The schema's history. A change of `storage.tables` comes with one new, numbered file in versions/."""
