"""``/admin/v1/models/{m}/cache``."""

from control.controller.contract_book import ContractState
from control.core.orders import order_for
from control.link.events import CacheReport, GuardReport, VersionGuards

CACHE = "/models/m/cache"


def epochs(admin) -> list[int]:
    """The epoch that gateways get for each version."""
    orders = admin.source.current().orders
    return [order_for(orders, "m", version).cache_epoch for version in (1, 2)]


def test_a_purge_reaches_gateways(admin):
    """Of all versions or of one: each is one more command to forget, whatever went before."""
    for query, expected in (({}, [1, 1]), ({"version": 2}, [1, 2]), ({}, [2, 3])):
        answer = admin.ask("DELETE", CACHE, query_string={**query, "reason": "new labels"})
        assert (answer.status_code, answer.get_data()) == (204, b"")
        assert epochs(admin) == expected
    assert [one["purges"] for one in admin.ask("GET", CACHE).get_json()["versions"]] == [2, 3]
    assert [(one["action"], one["target"], one["reason"]) for one in admin.audited()] == [
        ("cache_purged", target, "new labels")
        for target in ("models/m", "models/m/versions/2", "models/m")
    ]


def test_every_gateway_shows_its_cache(admin, state):
    """What it holds and how often it served; with the contract's part."""
    document = b'{"document": {"deterministic": true, "cache": {"ttl_s": 60}}, "tokenizers": {}}'
    state.contracts = {("m", 1): ContractState(document, "r1", "enforce")}
    cache = CacheReport(entries=2, bytes=900, hits=5, misses=7, shared=1)
    admin.guards.hear(GuardReport("1", [VersionGuards("m", 1, cache=cache)]))
    assert admin.ask("GET", CACHE).get_json() == {
        "model": "m",
        "versions": [
            {
                "version": 1,
                "deterministic": True,
                "contract": {"ttl_s": 60},
                "purges": 0,
                "gateways": [
                    {
                        "gateway": "1",
                        "entries": 2,
                        "bytes": 900,
                        "hits": 5,
                        "misses": 7,
                        "shared": 1,
                    }
                ],
            },
            {
                "version": 2,
                "deterministic": False,
                "contract": None,
                "purges": 0,
                "gateways": [],
            },
        ],
    }
