"""What a design costs, from its JSON alone: parameters, FLOPs, bytes, seconds. No torch, microseconds."""
