"""Two runs side by side: what was set differently, apart from what came out."""
