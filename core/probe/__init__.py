"""Questions to a trained model: what its routers decide for a text, and what happens without an expert."""
