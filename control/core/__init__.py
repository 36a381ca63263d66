"""Decisions. Pure: no I/O, clock, randomness, threads, logging or web framework in here."""
