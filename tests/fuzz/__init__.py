"""Thousands of mutated requests, and random ones, sent to a running Seawall."""
