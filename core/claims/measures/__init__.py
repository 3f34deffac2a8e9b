"""What experiments measure, one small file for each kind; names in `core.claims.naming`. Loads torch."""
