"""The requests: sentences with a number in each, so that no answer serves two of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import triton_facts, wire
from benchmarks.cases import EMBED
from benchmarks.overload.records import Sample
from benchmarks.targets import Address
from benchmarks.verify import tensors_differ
from benchmarks.wire import Answer, Tensor, bytes_element

#: Where `open_load.c` puts the request's number; ten digits, so that no size changes.
PLACE = b"##########"

#: The values of `x-seawall-priority`, in the order of the generator's classes.
PRIORITIES = ("high", "normal")

_SENTENCES = Path(__file__).parents[1] / "sentences.txt"
_HTTP_OK = 200
_FIRST_ALONE = 9_000_000_000  # numbers of requests that the open-loop generator does not send


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests of each priority, the number still open, and the files that hold them."""

    templates: dict[str, list[bytes]]
    files: dict[str, list[Path]]

    def numbered(self) -> list[bytes]:
        """Give one whole request for each sentence."""
        normal = self.templates[PRIORITIES[-1]]
        return [fill(template, _FIRST_ALONE + index) for index, template in enumerate(normal)]


def write_traffic(triton: Address, deadline_ms: int, work_dir: Path) -> Traffic:
    """Build the requests that all targets get alike, and write them to files."""
    name = triton_facts.input_name(triton, EMBED.name, "BYTES")
    templates = {priority: _templates(name, priority, deadline_ms) for priority in PRIORITIES}
    files = {
        priority: [
            _write(work_dir / f"{priority}-{index}.http", one) for index, one in enumerate(ones)
        ]
        for priority, ones in templates.items()
    }
    return Traffic(templates, files)


def fill(template: bytes, number: int) -> bytes:
    """Put a number into its place."""
    return template.replace(PLACE, b"%010d" % number)


def wrong_answers(triton: Address, traffic: Traffic, samples: Sequence[Sample]) -> list[str]:
    """Ask Triton alone for the same answers again, and say which of the samples differ."""
    found = []
    for sample in samples:
        template = traffic.templates[PRIORITIES[sample.priority]][sample.file]
        expected = wire.exchange(triton, fill(template, sample.number))
        if difference := _difference(read_answer(sample.answer), expected):
            found.append(f"request {sample.number}: {difference}")
    return found


def read_answer(raw: bytes) -> Answer:
    """Read an answer from its bytes."""
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in fields}
    return Answer(int(status.split(" ")[1]), headers, body)


def _difference(got: Answer, expected: Answer) -> str:
    if expected.status != _HTTP_OK:
        return f"Triton alone answers {expected.status}"
    return tensors_differ(wire.answer_tensors(got), wire.answer_tensors(expected))


def _templates(input_name: str, priority: str, deadline_ms: int) -> list[bytes]:
    sentences = _SENTENCES.read_text().splitlines()
    return [_request(input_name, sentence, priority, deadline_ms) for sentence in sentences]


def _request(input_name: str, sentence: str, priority: str, deadline_ms: int) -> bytes:
    text = f"{sentence} (No. {PLACE.decode()})"
    tensor = Tensor(input_name, "BYTES", (1, 1), bytes_element(text))
    head, blank, body = wire.infer_request(EMBED.name, tensor).partition(b"\r\n\r\n")
    own = f"\r\nx-seawall-priority: {priority}\r\nx-request-timeout-ms: {deadline_ms}"
    return head + own.encode() + blank + body


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
