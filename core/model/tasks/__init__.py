"""Both ends of a model for each task: data to tokens, tokens to logits."""
