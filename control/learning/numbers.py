"""One numeric input while traffic comes in."""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from control.core.contract import TensorSpec
from control.core.datatypes import ELEMENT_BYTES
from control.core.elements import as_array
from control.core.number_rules import FLOATS, extremes
from control.core.tensors import Tensor
from control.learning.distinct import DistinctValues
from control.learning.features import LearnedFeatures
from control.learning.share import Share
from control.learning.summary import VALUES, InputSummary

Array = npt.NDArray[Any]

#: Bits alone, for picking elements out before two-byte floats are widened.
_BITS: Final = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


class LearnedNumbers:
    """Values, sizes of free dimensions, fractions and what is not finite."""

    def __init__(self, spec: TensorSpec) -> None:
        """Learn the input that the model's config describes."""
        self.spec = spec
        self.features = LearnedFeatures(spec)
        self._is_float = spec.datatype in FLOATS
        self._width = ELEMENT_BYTES[spec.datatype]
        self._requests = 0
        self._partly = 0
        self._non_finite = 0
        self._fractional = False
        self._distinct = DistinctValues()

    def note(self, tensor: Tensor, batched: bool, share: Share) -> None:
        """Learn from one tensor, at most ``share`` of it."""
        self._requests += 1
        self.features.note_dims(tensor.shape[1:] if batched else tensor.shape)
        data = memoryview(tensor.data)
        count = len(data) // self._width
        if not count:
            return
        sample, step = self._sample(data, count, share)
        stretch = self._stretch(data, count, share)
        if len(stretch) < len(data):
            self._partly += 1
            self._note_extremes(memoryview(sample.tobytes()))
        is_finite = self._note_extremes(stretch)
        self._note_sample(as_array(sample.tobytes(), self.spec.datatype), whole=step == 1)
        if self._is_float and is_finite and not self._fractional:
            # A look at all elements only where the sample shows no fraction.
            self._fractional = _has_fraction(as_array(stretch, self.spec.datatype))

    def summary(self) -> InputSummary:
        """Give what was learned so far."""
        return InputSummary(
            datatype=self.spec.datatype,
            dims=self.spec.dims,
            requests=self._requests,
            features=self.features.summaries(),
            partly=self._partly,
            non_finite=self._non_finite,
            fractional=self._fractional,
            distinct=self._distinct.counts(),
        )

    def _stretch(self, data: memoryview, count: int, share: Share) -> memoryview:
        """Give the whole tensor, or elements in a row where it is large."""
        if count <= share.stretch:
            return data
        start = int(share.place * (count - share.stretch)) * self._width
        return data[start : start + share.stretch * self._width]

    def _sample(self, data: memoryview, count: int, share: Share) -> tuple[Array, int]:
        """Pick elements at even distances: their bits, and the distance."""
        step = -(-count // share.sample)
        return np.frombuffer(data, _BITS[self._width])[::step], step

    def _note_extremes(self, data: memoryview) -> bool:
        """Learn least and greatest; False where some element is not finite, and no extreme."""
        low, high = extremes(data, self.spec.datatype)
        if not (math.isfinite(low) and math.isfinite(high)):
            array = as_array(data, self.spec.datatype)
            self._non_finite += array.size - int(np.count_nonzero(np.isfinite(array)))
            return False
        if self.spec.datatype == "BOOL":
            low, high = int(low), int(high)
        self.features.of(VALUES).widen(low, high)
        return True

    def _note_sample(self, sample: Array, *, whole: bool) -> None:
        if self._is_float:
            sample = sample[np.isfinite(sample)]
            self._fractional = self._fractional or _has_fraction(sample)
        elif self.spec.datatype == "BOOL":
            sample = sample.view(np.uint8)
        if sample.size:
            values = self.features.of(VALUES)
            values.widen(sample.min().item(), sample.max().item())
            values.add_array(sample)
        if self._fractional or not whole:
            self._distinct.close()
        elif self._distinct.open:
            self._distinct.add_numbers(sample)


def _has_fraction(array: Array) -> bool:
    if array.dtype == np.float16:  # which the processor does not round fast
        array = array.astype(np.float32)
    return bool((np.rint(array) != array).any())
