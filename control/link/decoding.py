"""From a snapshot message to the form that decisions use, with every contract compiled."""

from dataclasses import dataclass

import msgspec

from control.contracts.artifacts import ArtifactMissing, ArtifactStore
from control.contracts.faults import ContractBroken
from control.contracts.folder import ResolvedContract, revive
from control.contracts.protection import default_protection
from control.core.contract import Contract, derive_contract
from control.core.findings import ContractRules
from control.core.orders import order_for
from control.core.protection import Override, Protection, overridden
from control.core.snapshot import ModelView, Snapshot, VersionView
from control.link.messages import SnapshotMessage, VersionMessage, decode_message
from control.observability.logs import get_logger

_log = get_logger("link")

_Documents = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class _Compiled:
    contract: Contract
    protection: Protection
    rules: ContractRules | None = None
    fault: str = ""


class SnapshotDecoder:
    """Decodes messages; what did not change since the last one is not compiled again."""

    def __init__(self, artifacts: ArtifactStore) -> None:
        """Load tokenizers from ``artifacts``."""
        self._artifacts = artifacts
        self._known: dict[_Documents, _Compiled] = {}

    def decode(self, data: bytes) -> Snapshot:
        """Decode a message; raises ValueError on a broken one. Slow: compiles, reads files."""
        try:
            return self._snapshot(decode_message(data))
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
            text = f"broken snapshot: {error!r}"
            raise ValueError(text) from error

    def _snapshot(self, message: SnapshotMessage) -> Snapshot:
        models: dict[str, dict[int, VersionView]] = {}
        known: dict[_Documents, _Compiled] = {}
        for one in message.versions:
            documents = (one.config_json, one.contract_json)
            compiled = self._known.get(documents)
            # A fault may be healed by now: what is missing may have come back.
            if compiled is None or compiled.fault:
                compiled = self._compile(one)
            known[documents] = compiled
            order = order_for(message.orders, one.model, one.version)
            models.setdefault(one.model, {})[one.version] = _view(one, compiled, order)
        self._known = known
        return Snapshot(
            revision=message.revision,
            models={
                name: ModelView(name, versions, message.routes.get(name))
                for name, versions in models.items()
            },
            server_json=message.server_json,
            access=message.access,
            routes=message.routes,
        )

    def _compile(self, one: VersionMessage) -> _Compiled:
        contract = derive_contract(msgspec.json.decode(one.config_json, type=dict[str, object]))
        unsaid = default_protection(contract)
        if not one.contract_json:
            return _Compiled(contract, unsaid)
        try:
            resolved = msgspec.json.decode(one.contract_json, type=ResolvedContract)
            rules = revive(resolved, contract, self._artifacts.counters(resolved))
        except (ContractBroken, ArtifactMissing, msgspec.MsgspecError) as error:
            _log.error("contract_unusable", model=one.model, version=one.version, fault=str(error))
            return _Compiled(contract, unsaid, fault=f"its contract cannot be used: {error}")
        return _Compiled(contract, rules.protection, rules)


def _view(one: VersionMessage, compiled: _Compiled, order: Override) -> VersionView:
    """Make the view; a version whose contract cannot be applied takes no requests."""
    return VersionView(
        model=one.model,
        version=one.version,
        loaded=one.loaded,
        ready=one.ready and not compiled.fault,
        reason=one.reason or compiled.fault,
        contract=compiled.contract,
        metadata_json=one.metadata_json,
        config_json=one.config_json,
        contract_json=one.contract_json,
        rules=compiled.rules,
        protection=overridden(compiled.protection, order),
        order=order,
        upstream=one.upstream,
    )
