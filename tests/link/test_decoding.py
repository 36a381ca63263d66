"""From a snapshot's message to contracts that are ready to be applied."""

import json
from pathlib import Path

import msgspec
import pytest

from control.contracts.artifacts import ArtifactStore
from control.contracts.folder import ResolvedContract, read_contract
from control.core.canary_policy import (
    CanaryPolicy,
    Isolation,
    JudgePolicy,
    ShadowPolicy,
    Sticky,
    StickyBy,
    Tolerance,
)
from control.core.protection import DEFAULT_PROTECTION, Protection
from control.core.routes import CanaryRoute, Route
from control.core.snapshot import NotReady, Snapshot, VersionView, choose_version
from control.link.decoding import SnapshotDecoder
from control.link.messages import SnapshotMessage, VersionMessage, encode_snapshot
from tests.contracts.contract_files import (
    CONFIG,
    config_json,
    contract_of,
    floats,
    request_of,
    texts,
    word_pieces,
)

COUNTED = "inputs: {TEXT: {tokens: {tokenizer: t.json, max: 4}}}"
RANGED = "inputs: {X: {max: 2}}"


class Wire:
    """A decoder, and messages for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.artifacts = ArtifactStore(folder / "artifacts")
        self.decoder = SnapshotDecoder(self.artifacts)
        (folder / "t.json").write_bytes(word_pieces())

    def contract(self, text: str) -> bytes:
        """A contract as it travels; its tokenizers are not put yet."""
        (self.folder / "contract.yaml").write_text(text)
        source = read_contract(self.folder, 1, contract_of())
        assert source is not None
        return msgspec.json.encode(source.resolved)

    def put_tokenizer(self) -> None:
        """Put the tokenizer where the gateways look for it."""
        source = read_contract(self.folder, 1, contract_of())
        assert source is not None
        self.artifacts.put(source.tokenizers)

    def decode(self, *versions: VersionMessage) -> Snapshot:
        """Decode a message with these versions."""
        return self.decoder.decode(encode_snapshot(SnapshotMessage(1, b"{}", list(versions))))

    def view(self, *versions: VersionMessage) -> VersionView:
        """The view of the first of them."""
        return self.decode(*versions).models["m"].versions[versions[0].version]


@pytest.fixture
def wire(tmp_path: Path) -> Wire:
    """A decoder that knows nothing yet."""
    return Wire(tmp_path)


def version(
    contract: bytes = b"", number: int = 1, config: bytes = b"", *, ready: bool = True
) -> VersionMessage:
    """One version of the model."""
    return VersionMessage(
        model="m",
        version=number,
        loaded=True,
        ready=ready,
        reason="" if ready else "sick",
        metadata_json=b"{}",
        config_json=config or config_json(),
        contract_json=contract,
    )


def test_a_version_without_a_contract_file_has_no_rules(wire):
    """Triton's config is all that holds."""
    view = wire.view(version())
    assert view.rules is None
    assert view.ready
    assert view.contract == contract_of()


def test_a_version_carries_its_compiled_contract(wire):
    """It is applied to requests as the file says."""
    view = wire.view(version(wire.contract(RANGED)))
    assert view.rules is not None
    assert view.ready
    found = view.rules.check_request(request_of(floats("X", [3])), 0)
    assert [one.rule for one in found.violations] == ["max"]
    assert view.contract_json == wire.contract(RANGED)


def test_a_version_carries_what_protects_it(wire):
    """The contract's protection, and the defaults where there is no file or it cannot be used."""
    protected = wire.contract("mode: observe\nlimits: {deadline_ms: 250}")
    counted = wire.contract(COUNTED)
    views = wire.decode(version(protected), version(number=2), version(counted, 3)).models["m"]
    assert views.versions[1].protection == Protection(deadline_s=0.25)
    assert views.versions[2].protection == DEFAULT_PROTECTION
    assert not views.versions[3].ready
    assert views.versions[3].protection == DEFAULT_PROTECTION


def test_a_request_of_a_sequence_is_sent_once(wire):
    """Also where there is no contract file to say it."""
    config = json.dumps({**CONFIG, "sequence_batching": {"direct": {}}}).encode()
    view = wire.view(version(config=config))
    assert view.contract.stateful
    assert view.protection.retries.num_retries == 0


def test_what_did_not_change_is_not_compiled_again(wire):
    """The same documents give the very same contract, in later messages and other versions."""
    ranged, counted = wire.contract(RANGED), wire.contract(COUNTED)
    wire.put_tokenizer()
    first = wire.decode(version(ranged), version(counted, 2))
    again = wire.decode(version(ranged), version(counted, 2), version(ranged, 3))
    for number in (1, 2):
        one, other = (each.models["m"].versions[number] for each in (first, again))
        assert one.rules is other.rules
        assert one.contract is other.contract
    versions = again.models["m"].versions
    assert versions[3].rules is versions[1].rules
    assert versions[2].rules is not versions[1].rules


def test_what_changed_is_compiled(wire):
    """Another contract, or another config of the model, is another compiled contract."""
    first = wire.view(version(wire.contract(RANGED)))
    other = wire.view(version(wire.contract(RANGED.replace("2", "3"))))
    config = json.dumps({**CONFIG, "max_batch_size": 64}).encode()
    third = wire.view(version(wire.contract(RANGED), config=config))
    rules = [one.rules for one in (first, other, third)]
    assert len({id(one) for one in rules}) == 3
    assert third.contract.max_batch_size == 64


def test_what_is_gone_is_forgotten(wire):
    """A gateway does not keep the contracts of all models that ever were."""
    contract = wire.contract(RANGED)
    first = wire.view(version(contract))
    wire.decode()
    assert wire.view(version(contract)).rules is not first.rules
    assert len(wire.decoder._known) == 1


def test_a_contract_that_cannot_be_applied_makes_the_version_not_ready(wire):
    """Unchecked requests are worse than none; the reason says what is missing, and heals."""
    counted = wire.contract(COUNTED)
    snapshot = wire.decode(version(counted), version(wire.contract(RANGED), 2))
    view = snapshot.models["m"].versions[1]
    assert (view.loaded, view.ready, view.rules) == (True, False, None)
    assert view.reason.startswith("its contract cannot be used: tokenizer ")
    assert view.reason.endswith("cannot be read: No such file or directory")
    assert str(wire.folder) not in view.reason
    assert isinstance(choose_version(snapshot, "m", 1), NotReady)
    assert choose_version(snapshot, "m", None) is snapshot.models["m"].versions[2]
    wire.contract(COUNTED)
    wire.put_tokenizer()
    healed = wire.view(version(counted))
    assert (healed.ready, healed.reason) == (True, "")
    assert healed.rules is not None
    assert healed.rules.check_request(request_of(texts("TEXT", ["a a a"])), 0).violations


def test_a_changed_tokenizer_is_not_used(wire):
    """Counts of another tokenizer would be lies."""
    counted = wire.contract(COUNTED)
    wire.put_tokenizer()
    (kept,) = wire.artifacts.directory.iterdir()
    kept.write_bytes(b"{}")
    view = wire.view(version(counted))
    assert not view.ready
    assert "was changed on disk" in view.reason


@pytest.mark.parametrize(
    "contract",
    [
        b"garbage",
        b"{}",
        msgspec.json.encode(ResolvedContract({"mode": "strict"}, {})),
        msgspec.json.encode(ResolvedContract({"inputs": {"NONE": {"min": 1}}}, {})),
        msgspec.json.encode(ResolvedContract({"inputs": {"X": {"colour": 1}}}, {})),
        msgspec.json.encode(ResolvedContract({}, {"TEXT": "../../etc/passwd"})),
    ],
)
def test_one_bad_contract_spoils_nothing_else(wire, contract):
    """The other versions of the snapshot are served."""
    snapshot = wire.decode(version(contract), version(wire.contract(RANGED), 2))
    versions = snapshot.models["m"].versions
    assert [versions[number].ready for number in (1, 2)] == [False, True]
    assert "its contract cannot be used" in versions[1].reason


def test_a_version_that_is_not_ready_keeps_its_own_reason(wire):
    """What Triton says comes first."""
    view = wire.view(version(wire.contract(COUNTED), ready=False))
    assert (view.ready, view.reason) == (False, "sick")


def test_routes_arrive_as_they_were_sent(wire):
    """With the whole policy; also those of models that Triton does not know now."""
    policy = CanaryPolicy(
        isolation=Isolation.OWN_SERVER,
        sticky=Sticky(StickyBy.HEADER, "x-user"),
        shadow=ShadowPolicy(percent=10.0, min_agreement=0.9),
        comparisons={"Y": Tolerance(absolute=0.5)},
        step_weights=(1.0, 2.5),
        judge=JudgePolicy(max_duration_s=None),
    )
    routes = {
        "m": Route(1, frozenset({1, 3}), CanaryRoute("r1", 2, 2.5, 10.0, policy)),
        "gone": Route(None, frozenset()),
    }
    versions = [version(number=number) for number in (1, 2)]
    snapshot = wire.decoder.decode(
        encode_snapshot(SnapshotMessage(1, b"{}", versions, routes=routes))
    )
    assert snapshot.routes == routes
    assert snapshot.models["m"].route == routes["m"]
    assert "gone" not in snapshot.models
    assert choose_version(snapshot, "m", None) is snapshot.models["m"].versions[1]


def test_a_message_without_routes_is_as_before(wire):
    """The newest ready version is served, as Triton does it."""
    snapshot = wire.decode(version(), version(number=2))
    assert snapshot.models["m"].route is None
    assert choose_version(snapshot, "m", None) is snapshot.models["m"].versions[2]


def test_a_version_carries_the_address_of_its_server(wire):
    """Empty is the main one."""
    apart = msgspec.structs.replace(version(number=2), upstream="unix:/run/canary.sock")
    versions = wire.decode(version(), apart).models["m"].versions
    assert [versions[number].upstream for number in (1, 2)] == ["", "unix:/run/canary.sock"]
