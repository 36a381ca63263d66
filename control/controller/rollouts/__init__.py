"""Brings new versions to all requests, or takes them back, as ``core.rollout`` decides."""
