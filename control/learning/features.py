"""The measured quantities of one input, made when the first value comes."""

from collections.abc import Mapping, Sequence
from typing import Final

from control.core.contract import ANY_SIZE, TensorSpec
from control.core.drift import Deciles
from control.learning.recent import RecentValues
from control.learning.sketches import LearnedFeature
from control.learning.summary import FeatureSummary, dim_feature

#: Free dimensions whose sizes are learned; an input with more has no shape that a reader grasps.
MOST_DIMS: Final = 4


class LearnedFeatures:
    """By name; the names are few and fixed by the input's datatype and dimensions."""

    def __init__(self, spec: TensorSpec) -> None:
        """Learn the sizes of the dimensions that ``spec`` leaves free, and whatever is asked."""
        free = [place for place, dim in enumerate(spec.dims) if dim == ANY_SIZE]
        self._dims = [(place, dim_feature(place)) for place in free[:MOST_DIMS]]
        self._features: dict[str, LearnedFeature] = {}
        self._envelope: Mapping[str, Deciles] = {}

    def of(self, name: str) -> LearnedFeature:
        """Give the feature of this name."""
        feature = self._features.get(name)
        if feature is None:
            feature = self._features[name] = LearnedFeature()
            feature.recent = self._recent(name)
        return feature

    def note_dims(self, dims: Sequence[int]) -> None:
        """Learn the sizes of one tensor's dimensions, the batch left out."""
        for place, name in self._dims:
            self.of(name).add_each((dims[place],))

    def compare_with(self, envelope: Mapping[str, Deciles]) -> None:
        """Count recent values by these deciles from now on."""
        if envelope == self._envelope:
            return
        self._envelope = envelope
        for name, feature in self._features.items():
            feature.recent = self._recent(name)

    def recent(self) -> dict[str, RecentValues]:
        """Give the recent values of each feature that there are deciles for."""
        return {n: one.recent for n, one in self._features.items() if one.recent is not None}

    def summaries(self) -> dict[str, FeatureSummary]:
        """Give what was learned of each feature."""
        found = {name: one.summary() for name, one in self._features.items()}
        return {name: one for name, one in found.items() if one is not None}

    def _recent(self, name: str) -> RecentValues | None:
        deciles = self._envelope.get(name)
        return RecentValues(deciles) if deciles else None
