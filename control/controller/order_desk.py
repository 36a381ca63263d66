"""Takes operators' orders on models: checked, kept with who gave them and why, and in force."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from control.controller.contract_book import ContractState
from control.controller.loop import ControllerState
from control.core.orders import Target, combined
from control.core.protection import NO_OVERRIDE, Override
from control.errors import ModelNotFound
from control.observability.logs import get_logger
from control.state.audit import Act
from control.state.orders import OrderStore

_log = get_logger("orders")


@dataclass(frozen=True, slots=True)
class VersionOrders:
    """What is ordered of one version: ``own`` of it alone, ``in_force`` what it has to follow.

    ``contract`` is its contract file, empty where there is none.
    """

    version: int
    own: Override
    in_force: Override
    contract: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModelOrders:
    """What is ordered of a model: ``whole`` of all its versions."""

    whole: Override
    versions: Sequence[VersionOrders]


class OrderDesk:
    """Any thread may call. Raises StateUnavailable while the state is away."""

    def __init__(
        self, state: ControllerState, store: OrderStore, take_effect: Callable[[], None]
    ) -> None:
        """Keep orders in ``store``; ``take_effect`` returns when all gateways follow it."""
        self._state = state
        self._store = store
        self._take_effect = take_effect

    def show(self, model: str) -> ModelOrders:
        """Give what is ordered of a model and of each version; raises ModelNotFound."""
        versions = self._versions_of(model)
        orders = {one.version: one.override for one in self._store.of_model(model)}
        whole = orders.get(None, NO_OVERRIDE)
        return ModelOrders(
            whole,
            [
                VersionOrders(one, own, combined(whole, own), self._contract_of(model, one))
                for one in versions
                for own in (orders.get(one, NO_OVERRIDE),)
            ],
        )

    def give(
        self, act: Act, action: str, target: Target, how: Callable[[Override], Override]
    ) -> Override:
        """Change the order on a target by ``how``, and give it: it holds when this returns.

        Raises ModelNotFound where there is no such model, or no such version of it.
        """
        versions = self._versions_of(target.model)
        if target.version is not None and target.version not in versions:
            known = ", ".join(map(str, versions))
            message = f"there is no {target.in_words}; its versions are: {known}"
            raise ModelNotFound(message)
        override = self._store.change(act, action, target, how)
        self._take_effect()
        _log.info(action, target=target.path, by=act.subject, reason=act.reason)
        return override

    def _versions_of(self, model: str) -> list[int]:
        versions = sorted(one.version for one in self._state.versions if one.model == model)
        if not versions:
            message = f"there is no model '{model}'"
            raise ModelNotFound(message)
        return versions

    def _contract_of(self, model: str, version: int) -> Mapping[str, Any]:
        contract = self._state.contracts.get((model, version), ContractState())
        resolved = msgspec.json.decode(contract.document) if contract.document else {}
        document: Mapping[str, Any] = resolved.get("document", {})
        return document
