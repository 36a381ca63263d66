"""Looks through a model repository for everything that would go wrong later."""
