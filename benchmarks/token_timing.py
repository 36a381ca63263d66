"""Does the time of a refusal tell anything of a token? ``python -m benchmarks.token_timing``.

Wrong API tokens of several kinds are refused in turn, in random order, and each refusal is timed by
itself. Every kind is compared with the first: secrets that begin like the right one must take no
longer than others. Two figures: Mann-Whitney's z (robust against the outliers of a busy machine)
and Welch's t over the times below the 95th percentile. Within +-4.5 no difference is shown, which
is the bound that side-channel tests commonly use. Malformed texts differ by nanoseconds, which tell
the sender only what it has left out itself.
"""

import argparse
import random
import secrets
import string
import time
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from control.core.access import Access, TokenRecord
from control.errors import Unauthenticated
from control.gateway.identify import Identifier
from control.identity.tokens import mint_token

_TOKENS: Final = 1000
_ROUNDS: Final = 40_000
_VARIANTS: Final = 4096
_WARM_UP: Final = 2_000
_SECRET_CHARACTERS: Final = 43
_ALPHABET: Final = string.ascii_letters + string.digits + "-_"
_KEPT_PERCENTILE: Final = 95

Times = NDArray[np.int64]


def make_kinds(known: str) -> dict[str, Callable[[], str]]:
    """Give, for each kind of wrong token, how one is drawn; ``known`` is a right one."""
    _, token_id, secret = known.split("_", 2)
    unknown = _letters(len(token_id))

    def sharing(characters: int) -> Callable[[], str]:
        def draw() -> str:
            other = random.choice(_ALPHABET.replace(secret[characters], ""))  # noqa: S311
            rest = _SECRET_CHARACTERS - characters - 1
            return f"sw_{token_id}_{secret[:characters]}{other}{_letters(rest)}"

        return draw

    return {
        "known id, 0 of 43 characters right": sharing(0),
        "the same kind again (the noise)": sharing(0),
        "known id, 8 of 43 characters right": sharing(8),
        "known id, 24 of 43 characters right": sharing(24),
        "known id, 40 of 43 characters right": sharing(40),
        "unknown id, always the same": lambda: f"sw_{unknown}_{_letters(_SECRET_CHARACTERS)}",
        "unknown id, always another": lambda: f"sw_{_letters(12)}_{_letters(_SECRET_CHARACTERS)}",
        "malformed: no id": lambda: f"sw__{_letters(12 + _SECRET_CHARACTERS)}",
        "malformed: no secret": lambda: f"sw_{_letters(13 + _SECRET_CHARACTERS)}",
    }


def _letters(count: int) -> str:
    return secrets.token_hex(count)[:count]


def make_identifier() -> tuple[Identifier, str]:
    """Make an identifier that knows many tokens, and give the text of one."""
    minted = [mint_token() for _ in range(_TOKENS)]
    records = {
        one.token_id: TokenRecord(one.token_id, one.digest, "n", "t", frozenset({"read"}))
        for one in minted
    }
    identifier = Identifier(required=True)
    identifier.learn(Access(records))
    return identifier, minted[_TOKENS // 2].text


def time_refusal(identifier: Identifier, headers: dict[bytes, bytes], now_s: float) -> int:
    """Time one refusal, in nanoseconds."""
    started_ns = time.perf_counter_ns()
    try:
        identifier.identify(headers, now_s)
    except Unauthenticated:
        return time.perf_counter_ns() - started_ns
    message = "a wrong token was accepted"
    raise AssertionError(message)


def measure(rounds: int) -> dict[str, Times]:
    """Time every kind ``rounds`` times, in an order that no drift of the machine can favour."""
    identifier, known = make_identifier()
    drawn = {
        name: [f"Bearer {draw()}".encode() for _ in range(_VARIANTS)]
        for name, draw in make_kinds(known).items()
    }
    times: dict[str, list[int]] = {name: [] for name in drawn}
    order, now_s = list(drawn), time.time()
    for turn in range(_WARM_UP + rounds):
        random.shuffle(order)
        for name in order:
            # A fresh copy: where an old one lies in memory would show more than what is in it.
            headers = {b"authorization": bytes(memoryview(drawn[name][turn % _VARIANTS]))}
            took_ns = time_refusal(identifier, headers, now_s)
            if turn >= _WARM_UP:
                times[name].append(took_ns)
    return {name: np.array(taken) for name, taken in times.items()}


def mann_whitney_z(one: Times, other: Times) -> float:
    """Compare two samples by ranks; ties share their mean rank."""
    both = np.concatenate([one, other])
    _, where, counts = np.unique(both, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[where]
    first, second, total = len(one), len(other), len(both)
    u = float(ranks[:first].sum()) - first * (first + 1) / 2
    ties = float((counts.astype(float) ** 3 - counts).sum()) / (total * (total - 1))
    deviation = (first * second / 12 * (total + 1 - ties)) ** 0.5
    return float((u - first * second / 2) / deviation)


def welch_t(one: Times, other: Times) -> float:
    """Compare the means of two samples, without the slowest twentieth of each."""
    kept = [sample[sample <= np.percentile(sample, _KEPT_PERCENTILE)] for sample in (one, other)]
    first, second = kept
    spread = first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second)
    return float((first.mean() - second.mean()) / spread**0.5)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.token_timing")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help="refusals of each kind")
    times = measure(parser.parse_args().rounds)
    print(f"{'wrong token':38}{'median ns':>10}{'z':>8}{'t':>8}")
    (_, reference), *_ = times.items()
    for name, taken in times.items():
        z, t = mann_whitney_z(taken, reference), welch_t(taken, reference)
        print(f"{name:38}{np.median(taken):10.0f}{z:8.1f}{t:8.1f}")


if __name__ == "__main__":
    main()
