"""Values from Python to Lua and back.

Lua's strings are bytes; here they are ``str``, with bytes that are no UTF-8 as surrogates, so that whatever a mail holds comes
back as it went. A list is a table counted from 1, a dictionary a table by key, None is nil.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from .faults import BadValue

MAX_DEPTH = 32  # of tables in tables
MAX_ITEMS = 100_000  # in one value, all tables together
MAX_INTEGER = 2**53  # beyond this, Lua 5.1 and 5.2 (numbers are doubles) lose digits

Plain = str | int | float | bool | list[Any] | dict[Any, Any] | None


def encode(text: str | bytes) -> bytes:
    """The bytes of a Lua string."""
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def decode(data: bytes) -> str:
    """The text of a Lua string; ``encode`` gives the same bytes again."""
    return data.decode("utf-8", "surrogateescape")


def truthy(value: object) -> bool:
    """Whether a script means yes: Lua's own truth, but numeric 0 and "" are no, as VPOP3's scripts write them."""
    return bool(value)


def to_lua(state: Any, value: Any) -> Any:
    """The value for ``state``, a LuaRuntime: tables are made there, all else goes as it is. Raises BadValue."""
    kind = type(value)
    if kind is str:
        return encode(value)
    if value is None or kind is bytes or kind is bool or kind is float:
        return value
    plain = _plain(value, 0)
    return state.table_from(plain, recursive=True) if isinstance(plain, dict) else plain


def _plain(value: Any, depth: int) -> Any:
    """The value out of bytes, numbers, booleans and dictionaries alone."""
    if depth > MAX_DEPTH:
        raise BadValue("a value is nested too deeply for Lua")
    if isinstance(value, str | bytes):
        return encode(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -MAX_INTEGER <= value <= MAX_INTEGER else float(value)
    if value is None or isinstance(value, float):
        return value
    if isinstance(value, Mapping):
        items: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value, 1)
    elif isinstance(value, set | frozenset):
        items = ((item, True) for item in value)
    else:
        raise BadValue(f"a {type(value).__name__} cannot be given to Lua")
    return {_plain(key, depth + 1): _plain(item, depth + 1) for key, item in items if item is not None}


def from_lua(kind: Any, value: Any) -> Plain:
    """The Python value of what Lua gave; ``kind`` is lupa's ``lua_type``. Raises BadValue.

    A table with the keys 1 to n is a list, an empty one an empty dictionary.
    """
    return _Reader(kind).read(value, 0)


class _Reader:
    """Reads one value and counts what it has read."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        self.items = 0

    def read(self, value: Any, depth: int) -> Plain:
        """One value with everything inside."""
        if isinstance(value, bytes):
            return decode(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if self.kind(value) != "table":
            raise BadValue(f"a {self.kind(value) or type(value).__name__} cannot be taken from Lua")
        if depth >= MAX_DEPTH:
            raise BadValue("a table is nested too deeply, or in a circle")
        found = {}
        for key, item in value.items():
            self.items += 1
            if self.items > MAX_ITEMS:
                raise BadValue("a table is too large")
            found[_key(key)] = self.read(item, depth + 1)
        counted = found and all(type(key) is int for key in found) and min(found) == 1 and max(found) == len(found)
        return [found[index] for index in range(1, len(found) + 1)] if counted else found


def _key(key: Any) -> str | int | float | bool:
    if isinstance(key, bytes):
        return decode(key)
    if isinstance(key, bool | int | float) and not (isinstance(key, float) and math.isnan(key)):
        return key
    raise BadValue("a table has a key that is neither text nor number")
