"""The one error of this package."""


class WeightsError(Exception):
    """Weights cannot be had: says what was wanted, where, and what came instead."""
