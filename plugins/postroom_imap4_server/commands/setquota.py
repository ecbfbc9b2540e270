"""SETQUOTA (RFC 9208 section 4.1.3): administrators only; a resource that is not named has no limit afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import quotas
from ..grammar.reader import MOST_63
from ..refusals import No
from .command import LOGGED_IN, Command

if TYPE_CHECKING:
    from ..grammar.reader import Reader
    from ..session import Session

RESOURCES = (b"STORAGE", b"MESSAGE")
Limits = dict[bytes, int]


def parse(reader: Reader) -> tuple[str, Limits]:
    """``root (resource limit …)``."""
    root = reader.text()
    reader.sp()
    limits = dict(reader.parenthesized(lambda: _limit(reader)))
    reader.end()
    return root, limits


def _limit(reader: Reader) -> tuple[bytes, int]:
    resource = reader.word()
    reader.sp()
    return resource, reader.number(MOST_63 // quotas.UNIT)


def run(session: Session, arguments: tuple[str, Limits]) -> str:
    """Set the limits of an account."""
    root, limits = arguments
    if not session.user.admin:
        raise No("only administrators may set quotas", "NOPERM")
    if set(limits) - set(RESOURCES) or 0 in limits.values():
        raise No("only STORAGE and MESSAGE have limits, of at least 1", "CANNOT")
    account = quotas.account_of(session, root)
    session.context.accounts.update(
        account.name, quota_storage=limits.get(b"STORAGE", 0) * quotas.UNIT, quota_messages=limits.get(b"MESSAGE", 0)
    )
    session.context.news.publish("accounts")
    session.send(quotas.response(session, root, account.id))
    return "SETQUOTA completed"


SETQUOTA = Command(b"SETQUOTA", LOGGED_IN, parse, run)
