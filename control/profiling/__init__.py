"""Measures what requests of one model cost, and proposes the limits that follow from it."""
