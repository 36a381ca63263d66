"""Hostile lengths, chunks and headers."""

from collections.abc import Iterator

from tests.e2e.hostile.making import CHUNKED, GOOD, INFER, MIB, Hostile
from tests.support.http_client import head, post


def framing() -> Iterator[Hostile]:
    length = f"Content-Length: {len(GOOD)}"
    in_chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD), GOOD)
    chunked = "Transfer-Encoding: chunked"
    for name, lines in {
        "both lengths": [length, chunked],
        "both lengths, other order": [chunked, length],
        "two lengths": [length, "Content-Length: 5"],
        "two lengths, other order": ["Content-Length: 5", length],
        "the same length twice": [length, length],
        "length in a list": [f"{length}, {len(GOOD)}"],
        "negative length": ["Content-Length: -1"],
        "length with a plus": [f"Content-Length: +{len(GOOD)}"],
        "length in hexadecimal": ["Content-Length: 0x10"],
        "length with an exponent": ["Content-Length: 1e3"],
        "length with a fraction": ["Content-Length: 5.0"],
        "length empty": ["Content-Length: "],
        "length past 64 bits": ["Content-Length: 18446744073709551616"],
        "length of 64 bits": ["Content-Length: 18446744073709551615"],
        "length, blank before the colon": [f"Content-Length : {len(GOOD)}"],
        "length folded": ["Content-Length:", f" {len(GOOD)}"],
        "coding identity": ["Transfer-Encoding: identity"],
        "coding gzip, chunked": ["Transfer-Encoding: gzip, chunked"],
        "coding chunked, identity": ["Transfer-Encoding: chunked, identity"],
        "coding xchunked": ["Transfer-Encoding: xchunked"],
        "coding twice": [chunked, chunked],
        "coding quoted": ['Transfer-Encoding: "chunked"'],
        "coding with a tab": ["Transfer-Encoding:\x0bchunked"],
        "coding, blank before the colon": ["Transfer-Encoding : chunked"],
        "folded header": [length, "X: a", " b"],
        "header without a colon": [length, "X"],
        "header without a name": [length, ": a"],
        "header with a NUL": [length, "X: a\0b"],
        "header name with a blank": [length, "X Y: a"],
        "header of 1 MB": [length, "X: " + "x" * MIB],
        "header name of 1 MB": [length, "x" * MIB + ": a"],
        "10 000 headers": [length, *(f"X{number}: a" for number in range(10_000))],
        "200 equal headers": [length, *["X: a"] * 200],
    }.items():
        data = in_chunks if any("hunked" in one for one in lines) else GOOD
        yield Hostile(f"framing: {name}", [head("POST", INFER, *lines), data])


def chunks() -> Iterator[Hostile]:
    for name, body in {
        "100 000 chunks of a byte": b"1\r\nx\r\n" * 100_000,
        "size past 64 bits": b"fffffffffffffffff\r\n",
        "size negative": b"-5\r\nhello\r\n",
        "size with 0x": b"0x5\r\nhello\r\n",
        "size not hexadecimal": b"zz\r\nhello\r\n",
        "no size": b"\r\nhello\r\n",
        "longer than its size": b"3\r\nhello\r\n0\r\n\r\n",
        "extension of 1 MB": b"5;" + b"x" * MIB + b"\r\nhello\r\n0\r\n\r\n",
        "10 000 trailers": b"0\r\n" + b"X: a\r\n" * 10_000 + b"\r\n",
        "trailer of 1 MB": b"0\r\nX: " + b"x" * MIB + b"\r\n\r\n",
        "trailer with a length": b"0\r\nContent-Length: 5\r\n\r\n",
        "trailer without a colon": b"0\r\nX\r\n\r\n",
        "70 MB": (b"100000\r\n" + b" " * MIB + b"\r\n") * 70 + b"0\r\n\r\n",
    }.items():
        yield Hostile(f"chunks: {name}", [CHUNKED, body])


def header_lengths() -> Iterator[Hostile]:
    for text in ("-1", "x", "99999", "18446744073709551616", "1e1", "+5", "0x5", "5.0", "5,5", ""):
        yield Hostile(
            f"json length {text or 'empty'}",
            [post(INFER, GOOD, f"Inference-Header-Content-Length: {text}")],
        )
    digits = "Inference-Header-Content-Length: " + "9" * 5000
    yield Hostile("json length of 5000 digits", [post(INFER, GOOD, digits)])
    two = ["Inference-Header-Content-Length: 5", f"Inference-Header-Content-Length: {len(GOOD)}"]
    yield Hostile("two json lengths", [post(INFER, GOOD, *two)])
    yield Hostile("expects the unknown", [post(INFER, b"[", "Expect: the-unknown")])
