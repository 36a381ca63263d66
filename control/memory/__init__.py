"""Reads how much memory there is, and who uses it."""
