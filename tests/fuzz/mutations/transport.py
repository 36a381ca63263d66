"""What stands around the document: paths, headers, compression, and bytes that were damaged."""

import gzip
import zlib
from functools import cache
from random import Random
from typing import Final

from tests.fuzz.draft import Draft
from tests.fuzz.mutations.mutation import Done, Mutation
from tests.fuzz.tree import write

_VERSIONS: Final = (
    "0", "-1", "2", "1.0", "01", "+1", "1e0", "0x1", "9" * 30, "9" * 400, "18446744073709551617",
    "4294967297", "latest", "", "..", "%31", "%00", "1%00", "\xb9", "1;a=b", "1%2f..", "%201",
)  # fmt: skip
_MODELS: Final = (
    "nobody", "", ".", "..", "%2e%2e", "identity%00", "identity%20", "IDENTITY", "identity.",
    "a%2fb",
    "%ff%fe", "%", "%zz", "{{7*7}}", "<b>", "m" * 3000, "identity%0d%0aX:1", "..%2f..%2fetc", "~",
    "\xe9",
)  # fmt: skip
_ENDS: Final = (
    "infer/", "Infer", "infer%20", "infer?x=1", "infer#x", "generate", "generate_stream", "load",
    "config", "ready", "stats", "trace/setting", "", "infer/infer", "%69nfer", "infer;x", "explain",
)  # fmt: skip
_METHODS: Final = ("GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
_CONTENT_TYPES: Final = (
    "application/json; charset=utf-16", "text/plain", "application/xml", "multipart/form-data",
    "application/x-www-form-urlencoded", "application/octet-stream", "application/grpc", "", "x",
    "application/json, text/html", "a" * 3000, "\xff", "text/html; charset=\x22", "*/*",
)  # fmt: skip
_HEADERS: Final = (
    ("Accept", "text/html"), ("Accept-Encoding", "gzip;q=x, br"), ("Accept-Encoding", "gzip"),
    ("Accept-Encoding", "deflate"), ("X-Request-Id", "a\tb"), ("X-Request-Id", "x" * 500),
    ("X-Request-Id", "\xff"), ("Triton-Request-Id", "1"), ("traceparent", "00-xyz"),
    ("Authorization", "Bearer x"), ("Authorization", "Basic \xff"), ("Cookie", "a" * 2000),
    ("Range", "bytes=0-1"), ("If-None-Match", "*"), ("X-HTTP-Method-Override", "DELETE"),
    ("Forwarded", "for=127.0.0.1"), ("endpoint-load-metrics-format", "text"), ("admin-key", "x"),
)  # fmt: skip
_ENCODINGS: Final = (
    "br", "zstd", "compress", "GZIP", "x-gzip", "gzip, gzip", "gzip,deflate", "identity", "",
    "chunked",
    "gzip;q=1", " gzip ", "deflate, identity", "\xff",
)  # fmt: skip


def compressed(draft: Draft, rng: Random) -> Done | None:
    """Well compressed, and told so."""
    body = draft.written()
    kind = rng.choice(["gzip", "deflate"])
    draft.body = gzip.compress(body, 1, mtime=0) if kind == "gzip" else zlib.compress(body)
    draft.headers.append(("Content-Encoding", kind))
    return Done("compressed")


def compression_lies(draft: Draft, rng: Random) -> Done | None:
    """Not compressed, otherwise compressed, or twice."""
    body = draft.written()
    zipped, deflated = gzip.compress(body, 1, mtime=0), zlib.compress(body)
    lies = {
        "gzip": [body, deflated, gzip.compress(zipped, mtime=0), zipped + b"x"],
        "deflate": [body, zipped, zlib.compress(deflated), deflated + b"x", deflated[2:-4]],
    }
    kind = rng.choice(["gzip", "deflate"])
    draft.body = rng.choice(lies[kind])
    draft.headers.append(("Content-Encoding", kind))
    return Done("compression that lies", refused=True)


def compression_broken(draft: Draft, rng: Random) -> Done | None:
    """Compressed, and damaged or cut off."""
    kind = rng.choice(["gzip", "deflate"])
    whole = draft.written()
    data = bytearray(gzip.compress(whole, 1, mtime=0) if kind == "gzip" else zlib.compress(whole))
    if rng.random() < 0.5:
        del data[rng.randrange(len(data)) :]
        name = "compressed and cut off"
    else:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        name = "compressed and damaged"
    draft.body = bytes(data)
    draft.headers.append(("Content-Encoding", kind))
    return Done(name)


def bomb(draft: Draft, rng: Random) -> Done | None:
    """Blanks that unfold to more than a body may have; seldom, as it costs the sender most."""
    if rng.random() < 0.9:
        return None
    draft.body = _bomb()
    draft.headers.append(("Content-Encoding", "gzip"))
    return Done("compression bomb", refused=True)


@cache
def _bomb() -> bytes:
    machine = zlib.compressobj(9, wbits=31)
    blanks = [machine.compress(b" " * 2**20) for _ in range(66)]
    return b"".join([*blanks, machine.flush()])


def encoding(draft: Draft, rng: Random) -> Done | None:
    """Plain, with the name of an encoding."""
    draft.headers.append(("Content-Encoding", rng.choice(_ENCODINGS)))
    return Done("encoding by name only")


def content_type(draft: Draft, rng: Random) -> Done | None:
    """The document under another name."""
    draft.headers.append(("Content-Type", rng.choice(_CONTENT_TYPES)))
    return Done("content type")


def header(draft: Draft, rng: Random) -> Done | None:
    """Headers that somebody on the way may heed."""
    draft.headers += rng.sample(_HEADERS, rng.randint(1, 3))
    return Done("other headers")


def version(draft: Draft, rng: Random) -> Done | None:
    """A version that is none."""
    draft.target = f"/v2/models/{draft.model}/versions/{rng.choice(_VERSIONS)}/{draft.form}"
    return Done("version in the path")


def path(draft: Draft, rng: Random) -> Done | None:
    """A path to elsewhere."""
    model, end = draft.model, draft.form
    if rng.random() < 0.5:
        model = rng.choice(_MODELS)
    else:
        end = rng.choice(_ENDS)
    root = rng.choice(["/v2/models", "/v2/models", "/v2/models", "//v2/models", "/V2/models", ""])
    draft.target = f"{root}/{model}/{end}".replace(" ", "%20")
    return Done("path")


def method(draft: Draft, rng: Random) -> Done | None:
    """Another method on the same path."""
    draft.method = rng.choice(_METHODS)
    return Done("method")


def cut_off(draft: Draft, rng: Random) -> Done | None:
    """A body that ends too early, with a length that says so."""
    body = draft.written()
    draft.body = body[: rng.randrange(len(body))] if body else b""
    return Done("body cut off", refused=True)


def damaged(draft: Draft, rng: Random) -> Done | None:
    """A few bytes changed, added or taken away."""
    body = bytearray(draft.written())
    for _ in range(rng.choice([1, 1, 2, 8])):
        at = rng.randrange(len(body) + 1)
        match rng.randrange(4):
            case 0:
                body[at:at] = rng.choice(
                    [b"\0", b"\xff", b'"', b"{", b"]", b",", b"\\", b"-", b"9"]
                )
            case 1:
                del body[at : at + rng.choice([1, 1, 2, 20])]
            case 2 if at < len(body):
                body[at] ^= 1 << rng.randrange(8)
            case _:
                body[at:at] = body[at : at + rng.choice([1, 8, 64])]
    draft.body = bytes(body)
    return Done("body damaged")


def another_body(draft: Draft, rng: Random) -> Done | None:
    """Something else altogether."""
    text = write(draft.document)
    draft.body = rng.choice(
        [b"", b" ", rng.randbytes(300), b"\0" * 100, b"\xef\xbb\xbf" + text, text + text,
         text + b"{}", text.decode().encode("utf-16"), text.decode().encode("utf-32"),
         b"<xml/>", b"a=b&c=d",
         b" " * 5000 + text, b"[" + text + b"]", b"//" + text, b"[" * 100 + text]
    )  # fmt: skip
    return Done("another body")


TRANSPORT: Final[tuple[Mutation, ...]] = (
    compressed, compression_lies, compression_broken, bomb, encoding, content_type, header, version,
    version, path, path, method, cut_off, cut_off, damaged, damaged, damaged, another_body,
)  # fmt: skip
