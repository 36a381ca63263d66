"""Compressed bodies, in and out."""

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.tensors import Buffer
from control.errors import MalformedRequest, TooLarge
from control.gateway.codec.compression import choose_encoding, compress, decompress

LIMIT = 1 << 20
PACK: dict[bytes, Callable[[bytes], bytes]] = {b"gzip": gzip.compress, b"deflate": zlib.compress}
SIZES = st.binary(max_size=300) | st.sampled_from([bytes(5000), bytes(range(256)) * 2000])


@given(SIZES, st.sampled_from([b"gzip", b"deflate", b"identity", b"", b" GZIP "]))
async def test_what_was_compressed_comes_out(data: bytes, encoding: bytes) -> None:
    """Small on the loop or large beside it, a body is the same after decompression."""
    pack = PACK.get(encoding.strip().lower(), bytes)
    assert bytes(await decompress(pack(data), encoding, LIMIT)) == data


@pytest.mark.parametrize("encoding", PACK)
@pytest.mark.parametrize("size", [LIMIT + 1, 50 * LIMIT])
async def test_a_bomb_is_refused_without_being_unpacked(encoding: bytes, size: int) -> None:
    """A few bytes that unpack to more than the limit are too large."""
    with pytest.raises(TooLarge):
        await decompress(PACK[encoding](bytes(size)), encoding, LIMIT)


@pytest.mark.parametrize("encoding", PACK)
async def test_the_limit_itself_is_allowed(encoding: bytes) -> None:
    """A body of exactly the largest size passes."""
    assert len(await decompress(PACK[encoding](bytes(LIMIT)), encoding, LIMIT)) == LIMIT


@pytest.mark.parametrize("encoding", PACK)
@pytest.mark.parametrize("data", [b"text", bytes(range(256)) * 300])
async def test_cut_off_and_prolonged_bodies_are_refused(encoding: bytes, data: bytes) -> None:
    """Every byte of a compressed body counts: none may be missing, none may follow."""
    packed = PACK[encoding](data)
    for broken in (packed[:-1], packed[: len(packed) // 2], packed[:1], b"", packed + b"x"):
        with pytest.raises(MalformedRequest):
            await decompress(broken, encoding, LIMIT)


@given(st.binary(max_size=200), st.sampled_from(list(PACK)))
async def test_garbage_is_refused(data: bytes, encoding: bytes) -> None:
    """What is not compressed at all is a malformed request, nothing worse."""
    with pytest.raises(MalformedRequest):
        await decompress(b"\x00" + data, encoding, LIMIT)


async def test_a_wrong_checksum_is_refused() -> None:
    """A body that was changed on the way is not taken."""
    packed = bytearray(gzip.compress(b"text"))
    packed[-5] ^= 1
    with pytest.raises(MalformedRequest):
        await decompress(bytes(packed), b"gzip", LIMIT)


@pytest.mark.parametrize("encoding", [b"br", b"zstd", b"gzip, gzip", b"x"])
async def test_other_encodings_are_unsupported(encoding: bytes) -> None:
    """What cannot be undone is 415, which says so."""
    with pytest.raises(MalformedRequest) as caught:
        await decompress(b"x", encoding, LIMIT)
    assert caught.value.http_status == 415


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, b""),
        (b"", b""),
        (b"gzip", b"gzip"),
        (b"deflate", b"deflate"),
        (b"deflate, GZIP", b"gzip"),
        (b"gzip;q=0, deflate;q=0.5", b"deflate"),
        (b"gzip;q=0", b""),
        (b"gzip;q=x", b""),
        (b"gzip;q=", b""),
        (b"br, *", b""),
        (b",;,", b""),
    ],
)
def test_an_encoding_is_chosen_only_where_it_is_accepted(
    accept: bytes | None, chosen: bytes
) -> None:
    """A client gets compressed answers only by asking for a form that we have."""
    assert choose_encoding(accept) == chosen


@pytest.mark.parametrize("encoding", PACK)
@pytest.mark.parametrize("size", [2000, 100_000])
async def test_answers_are_compressed_part_by_part(encoding: bytes, size: int) -> None:
    """Several parts become one compressed body that unpacks to all of them."""
    parts: list[Buffer] = [b"head", memoryview(bytes(size)), b"tail"]
    packed, used = await compress(parts, encoding)
    assert used == encoding
    whole = b"".join(map(bytes, packed))
    assert await decompress(whole, encoding, LIMIT) == b"".join(map(bytes, parts))


async def test_small_answers_are_left_alone() -> None:
    """Compressing a few bytes would cost more than it saves."""
    assert await compress([b"small"], b"gzip") == ([b"small"], b"")
    assert await compress([bytes(5000)], b"") == ([bytes(5000)], b"")
