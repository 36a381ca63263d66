"""Binary tensors whose sizes lie: in the JSON, in the header, and in the tensor itself."""

import struct
from random import Random
from typing import Any, Final

from tests.fuzz.draft import Draft
from tests.fuzz.mutations.mutation import Done, Mutation, inputs_of
from tests.fuzz.packing import packed, unpacked
from tests.fuzz.tree import write

_ODD_SIZES: Final[tuple[Any, ...]] = (
    -1, -4, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 4, 2**64, 10**30, 1.0, 4.5, "4", "", True, None,
    [], {},
)  # fmt: skip
_ODD_LENGTHS: Final = (
    "-1", "x", "", "99999999", "18446744073709551616", "9223372036854775807", "1e1", "+5", "0x10",
    "5.0", "5,5", "5 5", "\xb2", "9" * 400, "00000", "1 ", "-0", "2147483648", "4294967296",
)  # fmt: skip
_BITS: Final = (
    0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC00000, 0x7F800001, 0x7FFFFFFF, 0x80000000, 1,
    0x7F7FFFFF,
)  # fmt: skip


def _binary_input(draft: Draft, rng: Random) -> dict[str, Any] | None:
    if not draft.is_binary:
        return None
    inputs = [one for one in inputs_of(draft) if isinstance(one.get("parameters"), dict)]
    return rng.choice(inputs) if inputs else None


def size_off(draft: Draft, rng: Random) -> Done | None:
    """A size that is a little off."""
    one = _binary_input(draft, rng)
    if one is None:
        return None
    size = one["parameters"]["binary_data_size"]
    one["parameters"]["binary_data_size"] = size + rng.choice([1, -1, 4, -4, 8, 100, 4096, -size])
    refused = one["parameters"]["binary_data_size"] != size
    return Done("binary size that is off", refused=refused)


def size_odd(draft: Draft, rng: Random) -> Done | None:
    """A size that is none."""
    one = _binary_input(draft, rng)
    if one is None:
        return None
    one["parameters"]["binary_data_size"] = rng.choice(_ODD_SIZES)
    return Done("binary size that is none", refused=True)


def size_missing(draft: Draft, rng: Random) -> Done | None:
    """Binary data without its size, or beside data in the JSON."""
    one = _binary_input(draft, rng)
    if one is None:
        return None
    if rng.random() < 0.5:
        del one["parameters"]["binary_data_size"]
    else:
        one["data"] = [1]
    return Done("binary and JSON data mixed", refused=True)


def tail(draft: Draft, rng: Random) -> Done | None:
    """Fewer bytes than were promised, or more."""
    if not draft.is_binary:
        return None
    whole = b"".join(draft.tail)
    cut = rng.randint(0, max(0, len(whole) - 1))
    more = rng.choice([b"\0", b"\0\0\0\0", b"{}", rng.randbytes(64), whole or b"x"])
    shorter = rng.random() < 0.5 and whole
    draft.tail = [b"", whole[:cut]] if shorter else [whole, more]
    return Done("binary data cut off" if shorter else "bytes after the data", refused=True)


def header_length_off(draft: Draft, rng: Random) -> Done | None:
    """A JSON part that ends elsewhere than the header says."""
    true = len(write(draft.document))
    lie = true + rng.choice([1, -1, 2, -2, 100, -true + 1, -true // 2, 10_000])
    draft.header_length = str(max(0, lie))
    return Done("JSON length that is off")


def header_length_odd(draft: Draft, rng: Random) -> Done | None:
    """A JSON length that is no number, or none that can be."""
    draft.header_length = rng.choice(_ODD_LENGTHS)
    if rng.random() < 0.2:
        draft.headers.append(("Inference-Header-Content-Length", "5"))
    return Done("JSON length that is none")


def raw(draft: Draft, rng: Random) -> Done | None:
    """No JSON at all: Triton takes the bytes for the only input."""
    draft.header_length = "0"
    size = rng.choice([0, 1, 3, 4, 12, 64, 1000, 4096])
    draft.body = rng.choice([rng.randbytes(size), b"\0" * size, struct.pack("<I", size), b"{}"])
    return Done("raw bytes")


def special_floats(draft: Draft, rng: Random) -> Done | None:
    """Not-a-numbers and infinities of every kind, by their bits."""
    one = _binary_input(draft, rng)
    if one is None or one.get("datatype") != "FP32" or len(inputs_of(draft)) != 1:
        return None
    size = one["parameters"]["binary_data_size"]
    draft.tail = [struct.pack(f"<{size // 4}I", *(rng.choice(_BITS) for _ in range(size // 4)))]
    return Done("special numbers by their bits")


def random_data(draft: Draft, rng: Random) -> Done | None:
    """Noise as data, of the right size."""
    if not draft.is_binary:
        return None
    draft.tail = [rng.randbytes(len(one)) for one in draft.tail]
    return Done("noise as data")


def order(draft: Draft, rng: Random) -> Done | None:
    """Tensors that follow in another order than they are described in."""
    if len([one for one in draft.tail if one]) < 2:
        return None
    rng.shuffle(draft.tail)
    return Done("tensors in another order")


def prefixes(draft: Draft, rng: Random) -> Done | None:
    """Length prefixes in a tensor of texts that point elsewhere."""
    texts = [one for one in inputs_of(draft) if one.get("datatype") == "BYTES"]
    if not draft.is_binary or len(texts) != 1 or len(inputs_of(draft)) != 1:
        return None
    data = bytearray(b"".join(draft.tail))
    lie = rng.choice([0, 1, len(data), 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32 - 4, 2**24])
    (true,) = struct.unpack_from("<I", data)
    code = ">I" if rng.random() < 0.2 else "<I"
    struct.pack_into(code, data, 0, true if code == ">I" else lie)
    changed = bytes(data) != b"".join(draft.tail)
    draft.tail = [bytes(data)]
    return Done("length prefix that lies", refused=changed and len(data) > 4)


def no_utf8(draft: Draft, rng: Random) -> Done | None:
    """Bytes in a tensor of texts that are no text; they may be asked for as JSON."""
    inputs = inputs_of(draft)
    texts = [place for place, one in enumerate(inputs) if one.get("datatype") == "BYTES"]
    if not draft.is_binary or not texts or len(draft.tail) != len(inputs) + 1:
        return None
    data = draft.tail[texts[0] + 1]
    elements = [bytes(0xFF - byte for byte in one) for one in unpacked("BYTES", data)]
    if rng.random() < 0.5:
        elements[0] = rng.choice([b"\xff", b"a\xc3", b"\xed\xa0\x80", b"\0", b"\xef\xbf\xbe"])
    draft.tail[texts[0] + 1] = packed("BYTES", elements)
    inputs[texts[0]]["parameters"] = {"binary_data_size": len(draft.tail[texts[0] + 1])}
    return Done("bytes that are no text")


def cut_texts(draft: Draft, rng: Random) -> Done | None:
    """A tensor of texts that ends within a prefix or a text, its size told truly."""
    texts = [one for one in inputs_of(draft) if one.get("datatype") == "BYTES"]
    if not draft.is_binary or len(texts) != 1 or len(inputs_of(draft)) != 1:
        return None
    data = b"".join(draft.tail)
    data = rng.choice([data[: rng.randint(0, len(data) - 1)], data + b"\1", data + b"\4\0\0\0x"])
    texts[0]["parameters"] = {"binary_data_size": len(data)}
    draft.tail = [b"", data]
    return Done("texts cut off, or more of them", refused=True)


BINARY: Final[tuple[Mutation, ...]] = (
    size_off, size_odd, size_missing, tail, header_length_off, header_length_odd, raw,
    special_floats,
    random_data, order, prefixes, prefixes, no_utf8, no_utf8, no_utf8, cut_texts, cut_texts,
)  # fmt: skip
