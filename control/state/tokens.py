"""API tokens, kept. A revoked one stays in the table, but nothing here gives it out."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Engine,
    RowMapping,
    Select,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from control.core.access import TokenRecord
from control.errors import StateConflict
from control.state.audit import Act, Change, record
from control.state.database import in_turn, one_moment, our_faults
from control.state.quotas import columns_of, quota_of
from control.state.schema import TOKENS

#: Every gateway holds all of them, and gets them anew with each change.
MAX_TOKENS: Final = 10_000
#: So long gateways still know an expired token, to tell its owner what is wrong with it.
_EXPIRED_KNOWN_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class KeptToken:
    """A token's record with the time it was made, in seconds since the epoch."""

    record: TokenRecord
    created_s: float


class TokenStore:
    """The table ``tokens``. Raises StateUnavailable; any thread may call."""

    def __init__(self, engine: Engine, max_tokens: int = MAX_TOKENS) -> None:
        """Use the database of ``engine``; keep at most ``max_tokens`` that are not revoked."""
        self._engine = engine
        self._max_tokens = max_tokens

    def add(self, token: KeptToken, act: Act) -> None:
        """Keep a new token; raises StateConflict where there are too many, or one has its id."""
        facts = _facts_of(token)
        row = {
            "token_id": token.record.token_id,
            "digest": token.record.digest,
            "created_at": token.created_s,
            **facts,
        }
        change = Change("token_created", _target_of(token.record.token_id), None, facts)
        count = select(func.count()).select_from(TOKENS).where(TOKENS.c.revoked_at.is_(None))
        with in_turn(self._engine, TOKENS) as connection:
            if connection.execute(count).scalar_one() >= self._max_tokens:
                message = f"there are {self._max_tokens} tokens, which is the limit: revoke some"
                raise StateConflict(message)
            try:
                connection.execute(insert(TOKENS).values(row))
            except IntegrityError as error:
                message = f"there is a token '{token.record.token_id}' already"
                raise StateConflict(message) from error
            record(connection, act, change)

    def load_all(self) -> list[KeptToken]:
        """Load the tokens that are not revoked, oldest first; expired ones too."""
        query = _not_revoked().order_by(TOKENS.c.created_at, TOKENS.c.token_id)
        with one_moment(self._engine) as connection:
            return [_token_of(row) for row in connection.execute(query).mappings()]

    def load(self, token_id: str) -> KeptToken | None:
        """Load one token; None where there is none, or it is revoked."""
        query = _not_revoked().where(TOKENS.c.token_id == token_id)
        with one_moment(self._engine) as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else _token_of(row)

    def revoke(self, token_id: str, act: Act) -> bool:
        """Revoke a token for good; False where there is none, or it was revoked before."""
        is_it = TOKENS.c.token_id == token_id
        query = _not_revoked().where(is_it).with_for_update()
        change = update(TOKENS).where(is_it).values(revoked_at=act.at_s)
        with our_faults("take changes"), self._engine.begin() as connection:
            row = connection.execute(query).mappings().one_or_none()
            if row is None:
                return False
            connection.execute(change)
            facts = _facts_of(_token_of(row))
            record(connection, act, Change("token_revoked", _target_of(token_id), facts, None))
            return True


def load_known_tokens(connection: Connection, now_s: float) -> dict[str, TokenRecord]:
    """Load, within a transaction, the tokens that gateways must know at ``now_s``."""
    known = or_(TOKENS.c.expires_at.is_(None), TOKENS.c.expires_at > now_s - _EXPIRED_KNOWN_S)
    rows = connection.execute(_not_revoked().where(known)).mappings()
    return {str(row["token_id"]): _token_of(row).record for row in rows}


def _not_revoked() -> Select[Any]:
    return select(TOKENS).where(TOKENS.c.revoked_at.is_(None))


def _target_of(token_id: str) -> str:
    return f"tokens/{token_id}"


def _facts_of(token: KeptToken) -> dict[str, Any]:
    """Give what anybody may know of a token, as columns: neither its secret nor the hash of it."""
    known = token.record
    return {
        "name": known.name,
        "tenant": known.tenant,
        "scopes": " ".join(sorted(known.scopes)),
        "expires_at": known.expires_s,
        **columns_of(known.quota),
    }


def _token_of(row: RowMapping) -> KeptToken:
    known = TokenRecord(
        token_id=row["token_id"],
        digest=bytes(row["digest"]),
        name=row["name"],
        tenant=row["tenant"],
        scopes=frozenset(row["scopes"].split(" ")),
        expires_s=row["expires_at"],
        quota=quota_of(row),
    )
    return KeptToken(known, row["created_at"])
