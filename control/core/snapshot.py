"""The immutable view of Triton that a gateway decides by, and the choice of a version in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from control.core.access import Access
from control.core.contract import Contract
from control.core.findings import ContractRules
from control.core.protection import DEFAULT_PROTECTION, NO_OVERRIDE, Override, Protection
from control.core.versions import UNKNOWN_VERSION


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version of a model: ``loaded`` in Triton's eyes, ``ready`` only if it can also answer.

    ``reason`` says why it is not ready.

    ``metadata_json`` and ``config_json`` are Triton's own documents, answered as they are.

    ``contract`` is what Triton's config says, ``rules`` what the author's contract file adds.

    ``protection`` is what guards it under load and in failure, an operator's ``order`` included.
    """

    model: str
    version: int
    loaded: bool
    ready: bool
    reason: str
    contract: Contract
    metadata_json: bytes
    config_json: bytes
    contract_json: bytes = b""
    rules: ContractRules | None = None
    protection: Protection = DEFAULT_PROTECTION
    order: Override = NO_OVERRIDE


@dataclass(frozen=True, slots=True)
class ModelView:
    """All known versions of one model, by number."""

    name: str
    versions: Mapping[int, VersionView]

    @property
    def default(self) -> VersionView | None:
        """The version that an unpinned request goes to: the newest ready one, as in Triton."""
        ready = [view for view in self.versions.values() if view.ready]
        return max(ready, key=lambda view: view.version, default=None)

    @property
    def newest_loaded(self) -> VersionView | None:
        """The newest version that Triton has loaded, whether it can answer or not."""
        loaded = [view for view in self.versions.values() if view.loaded]
        return max(loaded, key=lambda view: view.version, default=None)

    @property
    def loaded(self) -> bool:
        """Whether Triton has loaded any version; a model that never loaded is nobody's loss."""
        return any(view.loaded for view in self.versions.values())


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a gateway knows at one revision; replaced whole, never changed."""

    revision: int = 0
    models: Mapping[str, ModelView] = field(default_factory=dict)
    server_json: bytes = b"{}"
    access: Access = field(default_factory=Access)


@dataclass(frozen=True, slots=True)
class Missing:
    """Why no version can take the request."""

    message: str


@dataclass(frozen=True, slots=True)
class NotReady:
    """The version cannot serve now; ``view`` is what is known of it, if Triton has loaded it."""

    message: str
    view: VersionView | None = None


def choose_version(
    snapshot: Snapshot, model: str, version: int | None
) -> VersionView | Missing | NotReady:
    """Choose the pinned version, or the newest ready one where the client pinned none."""
    view = snapshot.models.get(model)
    if view is None:
        return Missing(f"Request for unknown model: '{model}' is not found")
    if version is None:
        default = view.default
        return default or NotReady(f"model '{model}' has no ready version", view.newest_loaded)
    pinned = view.versions.get(version)
    if pinned is None:
        named = f"version {version}" if version != UNKNOWN_VERSION else "with this version"
        return Missing(f"Request for unknown model: '{model}' {named} is not found")
    if not pinned.ready:
        known = pinned if pinned.loaded else None
        return NotReady(f"model '{model}' version {version} is not ready", known)
    return pinned
