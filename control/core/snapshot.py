"""The immutable view of Triton that a gateway decides by, and the choice of a version in it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter

from control.core.access import Access
from control.core.contract import Contract
from control.core.findings import ContractRules
from control.core.protection import DEFAULT_PROTECTION, NO_OVERRIDE, Override, Protection
from control.core.routes import NO_ROUTES, Route, Routes
from control.core.versions import UNKNOWN_VERSION


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version of a model: ``loaded`` in Triton's eyes, ``ready`` only if it can also answer.

    ``reason`` says why it is not ready.

    ``metadata_json`` and ``config_json`` are Triton's own documents, answered as they are.

    ``contract`` is what Triton's config says, ``rules`` what the author's contract file adds.

    ``protection`` is what guards it under load and in failure, an operator's ``order`` included.

    ``upstream`` is the address of the tritonserver that has it, empty for the main one.
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
    upstream: str = ""


@dataclass(frozen=True, slots=True)
class ModelView:
    """All known versions of one model, by number; ``route`` says where unpinned requests go.

    ``default`` is the version that they go to: the route's stable one; where that cannot answer, or
    there is no route, the newest ready one, as in Triton. Where no other can answer, one that has
    served before. Never one that is only tried out, or has been taken out.
    """

    name: str
    versions: Mapping[int, VersionView]
    route: Route | None = None
    default: VersionView | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Choose the default once: every request asks for it."""
        object.__setattr__(self, "default", self._choose_default())

    @property
    def newest_loaded(self) -> VersionView | None:
        """The newest version for all that Triton has loaded, whether it can answer or not."""
        return _newest([view for view in self._served if view.loaded])

    @property
    def loaded(self) -> bool:
        """Whether Triton has loaded any version for all; a model without one is nobody's loss."""
        return self.default is not None or any(view.loaded for view in self._served)

    def may_choose(self, version: int) -> bool:
        """Whether a request that does not name this version may be given to it."""
        return self.route is None or version in self.route.live

    def may_be_named(self, version: int) -> bool:
        """Whether a request that names this version may be given to it.

        One that has been taken out gets nothing from then on, so that nobody calls it any more when
        it is unloaded.
        """
        route = self.route
        if route is None or version == route.stable or version in route.live:
            return True
        return route.canary is not None and version == route.canary.version

    def _choose_default(self) -> VersionView | None:
        if self.route is not None and self.route.stable is not None:
            stable = self.versions.get(self.route.stable)
            if stable is not None and stable.ready:
                return stable
        newest = _newest([view for view in self._served if view.ready])
        if newest is not None or self.route is None:
            return newest
        return _newest([view for view in self._of(self.route.retired) if view.ready])

    @property
    def _served(self) -> Iterable[VersionView]:
        return self.versions.values() if self.route is None else self._of(self.route.live)

    def _of(self, numbers: Collection[int]) -> list[VersionView]:
        return [view for number, view in self.versions.items() if number in numbers]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a gateway knows at one revision; replaced whole, never changed.

    ``routes`` are all that there are, also of models that Triton does not know now.
    """

    revision: int = 0
    models: Mapping[str, ModelView] = field(default_factory=dict)
    server_json: bytes = b"{}"
    access: Access = field(default_factory=Access)
    routes: Routes = field(default_factory=lambda: NO_ROUTES)


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
    """Choose the pinned version, or the model's default where the client pinned none."""
    view = snapshot.models.get(model)
    if view is None:
        return Missing(f"Request for unknown model: '{model}' is not found")
    if version is None:
        default = view.default
        return default or NotReady(f"model '{model}' has no ready version", view.newest_loaded)
    pinned = view.versions.get(version)
    if pinned is None or not view.may_be_named(version):
        named = f"version {version}" if version != UNKNOWN_VERSION else "with this version"
        return Missing(f"Request for unknown model: '{model}' {named} is not found")
    if not pinned.ready:
        known = pinned if pinned.loaded else None
        return NotReady(f"model '{model}' version {version} is not ready", known)
    return pinned


def _newest(views: Iterable[VersionView]) -> VersionView | None:
    return max(views, key=attrgetter("version"), default=None)
