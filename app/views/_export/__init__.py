"""The Export page: a run taken away, with the proof that the file does what the run does."""
