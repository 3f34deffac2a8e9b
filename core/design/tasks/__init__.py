"""What a design is for: tasks and their heads, one file per task."""
