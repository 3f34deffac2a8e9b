"""Small faithful proxies of designs: the same rules of shape, at a size that trains on this machine."""
