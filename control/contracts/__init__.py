"""Contract files: read, checked against Triton's config, compiled, and applied to requests."""
