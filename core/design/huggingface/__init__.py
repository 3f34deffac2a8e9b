"""A Hugging Face config.json as a design: `read.read`. One file a family, one line each in the registry."""
