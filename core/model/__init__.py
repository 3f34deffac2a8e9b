"""Design -> torch.nn.Module."""
