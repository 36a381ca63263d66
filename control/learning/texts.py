"""One BYTES input while traffic comes in."""

import struct
from collections.abc import Sequence
from typing import Final

from control.core.contract import TensorSpec
from control.core.tensors import Tensor
from control.learning.distinct import MOST_BYTES, DistinctValues
from control.learning.features import LearnedFeatures
from control.learning.share import Share
from control.learning.summary import BYTES_LENGTH, CHARS, TOKENS, InputSummary

_unpack_length: Final = struct.Struct("<I").unpack_from
#: Token counts of one request whose greatest is taken.
_MOST_COUNTS: Final = 512


class LearnedTexts:
    """Lengths in bytes, characters and tokens, and the texts themselves where they are few."""

    def __init__(self, spec: TensorSpec) -> None:
        """Learn the input that the model's config describes."""
        self.spec = spec
        self.features = LearnedFeatures(spec)
        self._requests = 0
        self._partly = 0
        self._no_text = 0
        self._uncounted = 0
        self._distinct = DistinctValues()

    def note(self, tensor: Tensor, batched: bool, share: Share) -> None:
        """Learn from one tensor, at most ``share`` of it."""
        self._requests += 1
        self.features.note_dims(tensor.shape[1:] if batched else tensor.shape)
        data, position, room = memoryview(tensor.data), 0, share.text_bytes
        sizes: list[int] = []
        chars: list[int] = []
        while position < len(data) and len(sizes) < share.texts:
            (size,) = _unpack_length(data, position)
            text = data[position + 4 : position + 4 + size]
            position += 4 + size
            sizes.append(size)
            self._uncounted += size > share.text_bytes
            room -= size
            if room >= 0 and not self._no_text:
                self._note_text(text, chars)
        if position < len(data) or room < 0:
            self._partly += 1
            self._distinct.close()
        if sizes:
            self.features.of(BYTES_LENGTH).add_each(sizes)
        if chars:
            self.features.of(CHARS).add_each(chars)

    def note_tokens(self, counts: Sequence[int], share: Share) -> None:
        """Learn the tokens of each text of one request; there is at least one."""
        step = -(-len(counts) // share.texts)
        tokens = self.features.of(TOKENS)
        tokens.add_each(counts[::step])
        some = counts[:_MOST_COUNTS]
        tokens.widen(min(some), max(some))

    def summary(self) -> InputSummary:
        """Give what was learned so far."""
        return InputSummary(
            datatype=self.spec.datatype,
            dims=self.spec.dims,
            requests=self._requests,
            features=self.features.summaries(),
            partly=self._partly,
            no_text=self._no_text,
            uncounted=self._uncounted,
            distinct=self._distinct.counts(),
        )

    def _note_text(self, element: memoryview, chars: list[int]) -> None:
        try:
            text = str(element, "utf-8")
        except UnicodeDecodeError:
            # Pictures and other files: from here on only lengths in bytes are taken.
            self._no_text += 1
            self._distinct.close()
            return
        chars.append(len(text))
        if len(element) > MOST_BYTES:
            self._distinct.close()
        elif self._distinct.open:
            self._distinct.add_text(text)
