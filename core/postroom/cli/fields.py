"""The fields of an account as people read and write them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, get_type_hints

from .failures import Failure
from .targets import masked
from .trace import when

if TYPE_CHECKING:
    from ..store.accounts import Account

COUNTS = {"quota_messages"}  # other numbers are sizes
TARGETS = {"forward", "assistants"}  # where other mail may be led to; a target SMTP:… holds a password
SECRETS = {"password", "scram", "reversible"}  # never printed


def public(account: Account) -> dict[str, Any]:
    """The fields of an account that may be shown."""
    fields = asdict(account) | {"reversible": bool(account.reversible)}
    fields |= {name: masked(fields[name]) for name in TARGETS} | {"created": when(account.created)}
    return {key: value for key, value in fields.items() if key not in SECRETS or key == "reversible"}


def parsed(change: str) -> tuple[str, Any]:
    """The field and value of ``FIELD=VALUE``. Raises Failure."""
    from ..store.accounts import FIXED, Account

    key, equals, text = change.partition("=")
    types = {name: kind for name, kind in get_type_hints(Account).items() if name not in SECRETS | FIXED}
    if not equals or key not in types:
        raise Failure(f"{change!r} is not FIELD=VALUE with one of the fields {', '.join(types)}")
    try:
        reader = _count if key in COUNTS else _priority if key == "priority" else READERS.get(types[key], _targets)
        return key, reader(text)
    except ValueError as error:
        raise Failure(f"{key}: {error}") from None


def _truth(text: str) -> bool:
    words = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}
    if text.lower() not in words:
        raise ValueError("yes or no is expected")
    return words[text.lower()]


def _size(text: str) -> int:
    from ..config.types import parse_size

    return 0 if text == "0" else parse_size(text)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise ValueError("a whole number is expected, 0 for no limit")
    return int(text)


def _priority(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 100:
        raise ValueError("a number from 1 to 100 is expected: 100 goes first, 50 is ordinary")
    return int(text)


def _targets(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


READERS: dict[Any, Any] = {bool: _truth, int: _size, str: str}
