"""Counts what callers use, right across the worker processes of one host."""
