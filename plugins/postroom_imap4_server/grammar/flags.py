"""Flags as clients write them: the five system flags and keywords (RFC 9051 section 2.3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .writing import SYSTEM_FLAGS

if TYPE_CHECKING:
    from .reader import Reader

BITS = {name.upper().encode(): 1 << bit for bit, name in enumerate(SYSTEM_FLAGS)}
LONGEST_KEYWORD = 100  # bytes


class Flags(NamedTuple):
    """System flags as bits (see store.mailboxes), and keywords as written, each once."""

    bits: int = 0
    keywords: tuple[str, ...] = ()


def read_flags(reader: Reader) -> Flags:
    """A flag list in parentheses. Raises Bad for what is no flag."""
    return gathered(reader.parenthesized(lambda: read_flag(reader)))


def read_bare_flags(reader: Reader) -> Flags:
    """A flag list in parentheses, or flags separated by spaces to the end of the line (STORE)."""
    if reader.peek(b"("):
        return read_flags(reader)
    found = [read_flag(reader)]
    while not reader.at_end():
        reader.sp()
        found.append(read_flag(reader))
    return gathered(found)


def read_flag(reader: Reader) -> bytes:
    r"""One flag as written. ``\Recent`` is the server's to set; other unknown ``\`` flags are refused."""
    start = reader.at
    if not reader.take(b"\\"):
        flag = reader.atom()
        if len(flag) > LONGEST_KEYWORD:
            raise reader.bad("the keyword is too long")
        return flag
    flag = b"\\" + reader.atom()
    if flag.upper() not in BITS:
        reader.at = start
        raise reader.bad("there is no such system flag")
    return flag


def gathered(flags: list[bytes]) -> Flags:
    """Bits and keywords of single flags."""
    bits = 0
    keywords: dict[bytes, str] = {}
    for flag in flags:
        bit = BITS.get(flag.upper())
        if bit:
            bits |= bit
        else:
            keywords.setdefault(flag.upper(), flag.decode("ascii"))
    return Flags(bits, tuple(keywords.values()))
