"""What the studio remembers: SQLite rows by SQLModel, migrations by Alembic, artifact files."""
