"""Search programs (RFC 9051 section 6.4.4): what is to be found, and what is to be told of it. Nothing is looked up here."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from ..refusals import Bad, No
from .dates import read_date
from .numbers import STAR, NumberSet, read_set
from .reader import MOST_63
from .writing import SYSTEM_FLAGS

if TYPE_CHECKING:
    from .reader import Reader

CHARSETS = "US-ASCII UTF-8"  # told with BADCHARSET; others that Python knows are understood too
NO_CHARSETS = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "rot13", "base64", "hex"})
EPOCH = date(1970, 1, 1).toordinal()
ENTRY_TYPES = frozenset({b"PRIV", b"SHARED", b"ALL"})  # RFC 7162 section 3.1.5


class Key(NamedTuple):
    """One condition: its name, and what it is about."""

    name: bytes  # one of those that plugin module ``matching`` knows
    values: tuple[Any, ...] = ()


class Wanted(NamedTuple):
    """What RETURN asks for (RFC 4731, RFC 5182, RFC 9394)."""

    extended: bool = False  # an ESEARCH response, not SEARCH
    options: frozenset[bytes] = frozenset()  # MIN, MAX, ALL, COUNT, SAVE
    partial: tuple[int, int] | None = None  # positions in the result, counted from 1, or from -1 backwards


class Program(NamedTuple):
    """A search: its key, and whether MODSEQ is in it, which changes the answer (RFC 7162 section 3.1.5)."""

    key: Key
    modseq: bool = False
    numbers: bool = False  # message numbers, "$" or UIDs with "*" are in it: it means nothing without a selected mailbox


ALL = Key(b"ALL")


def read_wanted(reader: Reader) -> Wanted:
    """``[RETURN (options) ]``: options are words, PARTIAL has a range behind it."""
    if not reader.take(b"RETURN "):
        return Wanted()
    found: set[bytes] = set()
    partial: list[tuple[int, int]] = []

    def option() -> None:
        word = reader.word()
        if word == b"PARTIAL" and not partial:
            reader.sp()
            partial.append(_partial(reader))
        elif word in {b"MIN", b"MAX", b"ALL", b"COUNT", b"SAVE"}:
            found.add(word)
        else:
            raise reader.bad("there is no such result option")

    reader.parenthesized(option)
    reader.sp()
    if partial and b"ALL" in found:
        raise Bad("ALL and PARTIAL exclude each other")  # RFC 9394 section 3.1
    return Wanted(True, frozenset(found) or frozenset(() if partial else (b"ALL",)), partial[0] if partial else None)


def _partial(reader: Reader) -> tuple[int, int]:
    back = reader.take(b"-")
    first = reader.positive()
    reader.expect(b":")
    if back:
        reader.expect(b"-")  # both or none
    low, high = sorted((first, reader.positive()))
    return (-low, -high) if back else (low, high)


def read_program(reader: Reader, charset: bytes | None = None) -> Program:
    """``[CHARSET name ]key key …`` to the end of the command; ``charset``: it was given before (SORT, THREAD). Raises Bad, No."""
    if charset is None and reader.take(b"CHARSET "):
        charset = reader.astring()
        reader.sp()
        if reader.utf8 and not reader.rev2:  # RFC 6855 section 3
            raise Bad("CHARSET must not be used after ENABLE UTF8=ACCEPT")
    reading = _Reading(reader, charset)
    keys = [reading.key()]
    while not reader.at_end():
        reader.sp()
        keys.append(reading.key())
    reader.end()
    return Program(_both(keys), reading.modseq, reading.numbers)


def _both(keys: list[Key]) -> Key:
    return keys[0] if len(keys) == 1 else Key(b"AND", tuple(keys))


def codec(charset: bytes) -> str:
    """The codec for a character set. Raises No (BADCHARSET)."""
    try:
        found = codecs.lookup(charset.decode("ascii"))
        if found.name not in NO_CHARSETS and isinstance(b"a".decode(found.name, "strict"), str):
            return found.name
    except (LookupError, ValueError, TypeError):
        pass
    raise No("this character set is not known", f"BADCHARSET ({CHARSETS})")


class _Reading:
    """Reads keys; counts them."""

    def __init__(self, reader: Reader, charset: bytes | None) -> None:
        self.reader = reader
        self.codec = codec(charset) if charset is not None else "utf-8"
        self.count = 0
        self.modseq = self.numbers = False

    def key(self) -> Key:
        """One key with its arguments."""
        reader = self.reader
        self.count += 1
        if self.count > reader.limits.search_keys:
            raise No("the search program has too many keys", "LIMIT")
        if reader.peek(b"("):
            return _both(reader.parenthesized(self.key, least=1))
        if reader.buffer[reader.at : reader.at + 1] in _NUMBER:
            self.numbers = True
            return Key(b"SET", (read_set(reader),))
        word = reader.word()
        if word in _PLAIN:
            return _PLAIN[word]
        if word not in _READ:
            raise reader.bad("there is no such search key")
        if not reader.at_end():
            reader.sp()
        return _READ[word](self, word)

    def text(self) -> str:
        """A string in the character set of the program."""
        try:
            return self.reader.astring().decode(self.codec)
        except UnicodeDecodeError:
            raise self.reader.bad("the string is not in the character set") from None

    def inner(self) -> Key:
        """A key within NOT or OR."""
        depth = self.reader.deeper()
        found = self.key()
        self.reader.shallower(depth)
        return found


def _text(reading: _Reading, word: bytes) -> Key:
    return Key(word, (reading.text(),))


def _header(reading: _Reading, word: bytes) -> Key:
    name = reading.reader.astring().decode("utf-8", "replace").rstrip(" \t:")
    reading.reader.sp()
    return Key(word, (name, reading.text()))


def _keyword(negative: bool) -> Callable[[_Reading, bytes], Key]:
    def read(reading: _Reading, word: bytes) -> Key:
        return Key(b"KEYWORD", (reading.reader.atom().decode("ascii").lower(), not negative))

    return read


def _day(reading: _Reading, word: bytes) -> Key:
    return Key(word, (read_date(reading.reader).toordinal() - EPOCH,))


def _size(reading: _Reading, word: bytes) -> Key:
    return Key(word, (reading.reader.number(MOST_63),))


def _interval(reading: _Reading, word: bytes) -> Key:
    return Key(word, (reading.reader.positive(),))  # RFC 5032 section 3


def _uid(reading: _Reading, word: bytes) -> Key:
    numbers = read_set(reading.reader)
    reading.numbers = reading.numbers or numbers.saved
    return Key(word, (numbers,))


def _not(reading: _Reading, word: bytes) -> Key:
    return Key(word, (reading.inner(),))


def _or(reading: _Reading, word: bytes) -> Key:
    first = reading.inner()
    reading.reader.sp()
    return Key(word, (first, reading.inner()))


def _modseq(reading: _Reading, word: bytes) -> Key:
    reader = reading.reader
    if reader.peek(b'"'):  # an entry and its type: flags have one modseq here, so they change nothing
        reader.string()
        reader.sp()
        if reader.word() not in ENTRY_TYPES:
            raise reader.bad("priv, shared or all was expected")
        reader.sp()
    reading.modseq = True
    return Key(word, (reader.number(MOST_63),))


def _identity(reading: _Reading, word: bytes) -> Key:
    return Key(word, (reading.reader.astring().decode("utf-8", "replace"),))


_NUMBER = frozenset(bytes((one,)) for one in b"0123456789*$")
_FLAGS = {name[1:].upper().encode(): 1 << bit for bit, name in enumerate(SYSTEM_FLAGS)}
_PLAIN = {
    b"ALL": ALL,
    **{name: Key(b"FLAG", (bit, True)) for name, bit in _FLAGS.items()},
    **{b"UN" + name: Key(b"FLAG", (bit, False)) for name, bit in _FLAGS.items()},
    **{name: Key(name) for name in (b"NEW", b"OLD", b"RECENT", b"SAVEDATESUPPORTED")},
}
_READ: dict[bytes, Callable[[_Reading, bytes], Key]] = {
    **dict.fromkeys((b"SUBJECT", b"FROM", b"TO", b"CC", b"BCC", b"BODY", b"TEXT"), _text),
    **dict.fromkeys((b"BEFORE", b"ON", b"SINCE"), _day),
    **dict.fromkeys((b"SENTBEFORE", b"SENTON", b"SENTSINCE"), _day),
    **dict.fromkeys((b"SAVEDBEFORE", b"SAVEDON", b"SAVEDSINCE"), _day),  # RFC 8514
    **dict.fromkeys((b"LARGER", b"SMALLER"), _size),
    **dict.fromkeys((b"OLDER", b"YOUNGER"), _interval),  # RFC 5032
    **dict.fromkeys((b"EMAILID", b"THREADID"), _identity),  # RFC 8474
    b"HEADER": _header,
    b"KEYWORD": _keyword(False),
    b"UNKEYWORD": _keyword(True),
    b"UID": _uid,
    b"NOT": _not,
    b"OR": _or,
    b"MODSEQ": _modseq,  # RFC 7162 section 3.1.5
}

__all__ = ["ALL", "STAR", "Key", "NumberSet", "Program", "Wanted", "codec", "read_program", "read_wanted"]
