"""Who may use the admin API: every request needs a token, changes one with the scope admin."""

import time
from collections.abc import Mapping
from typing import Final

from flask import g, request

from control.core.access import Access, Identity, may_administer, may_read
from control.errors import Forbidden
from control.gateway.identify import Identifier
from control.identity.jwt_tokens import JwtRules
from control.state.audit import Act

_READING: Final = frozenset({"GET", "HEAD"})


class AdminGate:
    """Checked before each request, whatever endpoint it is for."""

    def __init__(self, jwt: JwtRules) -> None:
        """Let nobody in before ``learn``."""
        self._identifier = Identifier(required=True, jwt=jwt)

    def learn(self, access: Access) -> None:
        """Go by this access from now on."""
        self._identifier.learn(access)

    def check(self) -> None:
        """Let Flask's request pass, or raise Unauthenticated or Forbidden."""
        given = request.headers.get("authorization")
        headers = {} if given is None else {b"authorization": given.encode("latin-1", "replace")}
        g.caller = self.admit(request.method, headers)

    def admit(self, method: str, headers: Mapping[bytes, bytes]) -> Identity:
        """Give the identity of whoever may do this; raises Unauthenticated or Forbidden."""
        identity = self._identifier.identify(headers, time.time())
        if method in _READING:
            if not may_read(identity):
                message = "this token may not read here: it lacks the scopes read and admin"
                raise Forbidden(message)
        elif not may_administer(identity):
            message = "this token may not change anything here: it lacks the scope admin"
            raise Forbidden(message)
        return identity


def caller() -> Identity:
    """Give the identity of whoever sends the request that is being answered."""
    identity: Identity = g.caller
    return identity


def act(reason: str = "") -> Act:
    """Give what the audit trail keeps of whoever sends the request that is being answered."""
    who = caller()
    return Act(who.subject, who.tenant, time.time(), reason)
