"""All rules of one input or output, compiled, and the check of a tensor against them."""

from collections.abc import Sequence
from dataclasses import dataclass

from control.contracts.text_rules import TextFindings, TextRules, check_texts
from control.core.number_rules import NumberRules, check_numbers
from control.core.tensors import Buffer
from control.core.violations import Violation

DimLimits = tuple[tuple[int, int | None], ...]


@dataclass(frozen=True, slots=True)
class CompiledTensor:
    """The rules of one tensor. ``dims``: least and greatest size, without the batch."""

    name: str
    datatype: str
    dims: DimLimits = ()
    numbers: NumberRules | None = None
    texts: TextRules | None = None
    batched: bool = False

    def check(self, shape: Sequence[int], data: Buffer, path: str) -> TextFindings:
        """Check shape and elements; ``path`` is where the client finds the tensor."""
        if self.texts is not None:
            found = check_texts(self.texts, memoryview(data), self.name, path)
        else:
            found = TextFindings()
            if self.numbers is not None:
                found.violations.extend(check_numbers(self.numbers, data, path))
        if self.dims:
            found.violations.extend(self._dim_breaches(shape, path))
        return found

    def _dim_breaches(self, shape: Sequence[int], path: str) -> list[Violation]:
        sizes = shape[1:] if self.batched else shape
        if len(sizes) != len(self.dims):
            return []  # the check against Triton's config has said so
        return [
            Violation(f"{path}.shape", "dim", f"dims[{place}] {_span(low, high)}", size)
            for place, (size, (low, high)) in enumerate(zip(sizes, self.dims, strict=True))
            if size < low or (high is not None and size > high)
        ]


def _span(low: int, high: int | None) -> str:
    return f"{low}.." if high is None else f"{low}..{high}"
