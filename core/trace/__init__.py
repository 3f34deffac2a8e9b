"""What every token met on its way through a trained model: the file, and collecting it."""
