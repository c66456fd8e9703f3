"""Accounts, API keys, login sessions, and the facts about this server instance."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select

from trialog.server.storage import schema
from trialog.server.storage.database import insert_row

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_KEY_LETTERS = 43
_PREFIX = 11
SESSION_S = 30 * 86400.0


@dataclass(frozen=True)
class Identity:
    """Who asks: an account and the entity it owns."""

    account_id: int
    user: str
    entity_id: int
    entity: str


def instance_id(connection: Connection) -> str:
    """Return this server's id, made when its database was."""
    table = schema.server_fact
    found = connection.scalar(select(table.c.value).where(table.c.name == "instance"))
    if found is not None:
        return str(found)
    fresh = secrets.token_hex(8)
    connection.execute(insert(table).values(name="instance", value=fresh))
    return fresh


def ensure_account(connection: Connection, name: str) -> Identity:
    """Return the account called ``name``, made with an entity of the same name when it is new."""
    account = schema.account
    row = connection.execute(_identities().where(account.c.name == name)).first()
    if row is not None:
        return Identity(*row)
    now = time.time()
    entity_id = insert_row(connection, schema.entity, {"name": name, "created_at": now})
    account_id = insert_row(connection, account, {"name": name, "entity_id": entity_id, "created_at": now})
    return Identity(account_id, name, entity_id, name)


def make_key(connection: Connection, account_id: int) -> str:
    """Make an API key and return it; the database keeps only its digest."""
    key = "tl_" + "".join(secrets.choice(_LETTERS) for _ in range(_KEY_LETTERS))
    values = {
        "account_id": account_id,
        "prefix": key[:_PREFIX],
        "digest": digest(key),
        "created_at": time.time(),
    }
    connection.execute(insert(schema.api_key).values(values))
    return key


def identity_of_key(connection: Connection, key: str) -> Identity | None:
    """Return who an API key belongs to, or None."""
    table = schema.api_key
    query = select(table.c.digest, table.c.account_id).where(
        table.c.prefix == key[:_PREFIX], table.c.revoked_at.is_(None)
    )
    own = digest(key)
    for stored, account_id in connection.execute(query):
        if hmac.compare_digest(stored, own):
            return _identity(connection, account_id)
    return None


def open_session(connection: Connection, account_id: int, replaced: str | None) -> str:
    """Start a login session, end the one it replaces, and return the new token."""
    table = schema.login_session
    now = time.time()
    connection.execute(delete(table).where(table.c.expires_at < now))
    if replaced:
        close_session(connection, replaced)
    token = secrets.token_urlsafe(32)
    values = {"digest": digest(token), "account_id": account_id, "created_at": now, "expires_at": now + SESSION_S}
    connection.execute(insert(table).values(values))
    return token


def close_session(connection: Connection, token: str) -> None:
    """End a login session; it does not matter whether there is one."""
    connection.execute(delete(schema.login_session).where(schema.login_session.c.digest == digest(token)))


def identity_of_session(connection: Connection, token: str) -> Identity | None:
    """Return who is logged in with this token, or None."""
    table = schema.login_session
    query = select(table.c.account_id).where(table.c.digest == digest(token), table.c.expires_at > time.time())
    account_id = connection.scalar(query)
    return None if account_id is None else _identity(connection, account_id)


def digest(secret: str) -> bytes:
    """Return what is stored of a secret; 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _identity(connection: Connection, account_id: int) -> Identity | None:
    row = connection.execute(_identities().where(schema.account.c.id == account_id)).first()
    return None if row is None else Identity(*row)


def _identities() -> Select[Any]:
    account, entity = schema.account, schema.entity
    return select(account.c.id, account.c.name, entity.c.id, entity.c.name).join_from(account, entity)
