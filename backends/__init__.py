"""Backends that Triton loads; `guarded` runs the example models and yours."""
