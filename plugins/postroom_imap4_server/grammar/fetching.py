"""What FETCH asks for: data items, sections of messages, modifiers (RFC 9051 section 6.4.5 and the extensions named below)."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from .numbers import NumberSet, read_set
from .reader import MOST_63
from .writing import astring

if TYPE_CHECKING:
    from .reader import Reader

_NAME = re.compile(rb"[A-Za-z0-9.]+")
_PATH = re.compile(rb"[1-9][0-9]{0,8}(?:\.[1-9][0-9]{0,8})*")
MOST_NUMBERS = 100  # of one section: nothing is nested as deeply


class Of(Enum):
    """What of a part a section means."""

    ALL = ""
    HEADER = "HEADER"
    TEXT = "TEXT"
    MIME = "MIME"
    FIELDS = "HEADER.FIELDS"
    NOT_FIELDS = "HEADER.FIELDS.NOT"


class Section(NamedTuple):
    """A section of a message; the numbers name a part."""

    path: tuple[int, ...] = ()
    of: Of = Of.ALL
    names: tuple[bytes, ...] = ()  # of header fields, as written

    def __bytes__(self) -> bytes:
        """As it stands in a response, without brackets."""
        words = [b".".join(b"%d" % number for number in self.path)] if self.path else []
        if self.of is not Of.ALL:
            words.append(self.of.value.encode())
        fields = b" (%s)" % b" ".join(map(astring, self.names)) if self.of in FIELD_LISTS else b""
        return b".".join(words) + fields


FIELD_LISTS = (Of.FIELDS, Of.NOT_FIELDS)


class Item(NamedTuple):
    """One data item. ``name``: FLAGS …, or BODY, BINARY, BINARY.SIZE with a section."""

    name: str
    section: Section | None = None
    peek: bool = True  # False: reading it sets \\Seen
    start: int = 0
    length: int | None = None  # bytes from ``start``; None: all
    lazy: bool = False  # PREVIEW only if it costs nothing (RFC 8970 section 3.2)

    def __bytes__(self) -> bytes:
        """As it stands in a response."""
        if self.section is None or self.name.startswith("RFC822"):
            return self.name.encode()
        origin = b"<%d>" % self.start if self.length is not None and self.name != "BINARY.SIZE" else b""
        return b"%s[%s]%s" % (self.name.encode(), bytes(self.section), origin)


class Modifiers(NamedTuple):
    """RFC 4466 section 2.4."""

    changed_since: int | None = None  # RFC 7162 section 3.1.4.1
    vanished: bool = False  # RFC 7162 section 3.2.6
    partial: tuple[int, int] | None = None  # RFC 9394 section 3.3; from the end when negative


class Request(NamedTuple):
    """The arguments of FETCH."""

    numbers: NumberSet
    items: tuple[Item, ...]
    modifiers: Modifiers


SIMPLE = (
    "ENVELOPE", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "BODYSTRUCTURE", "BODY", "UID",
    "MODSEQ",  # RFC 7162 section 3.1.5
    "SAVEDATE",  # RFC 8514
    "EMAILID", "THREADID",  # RFC 8474
)  # fmt: skip
ITEMS = {
    **{name.encode(): Item(name) for name in SIMPLE},
    b"RFC822": Item("RFC822", Section(), peek=False),
    b"RFC822.HEADER": Item("RFC822.HEADER", Section(of=Of.HEADER)),
    b"RFC822.TEXT": Item("RFC822.TEXT", Section(of=Of.TEXT), peek=False),
}
MACROS = {
    b"FAST": ("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
    b"ALL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
    b"FULL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"),
}
SECTIONED = {  # name -> name in the response, whether it leaves \Seen alone
    b"BODY": ("BODY", False),
    b"BODY.PEEK": ("BODY", True),
    b"BINARY": ("BINARY", False),  # RFC 3516
    b"BINARY.PEEK": ("BINARY", True),
    b"BINARY.SIZE": ("BINARY.SIZE", True),
}


def read_request(reader: Reader) -> Request:
    """``set items [(modifiers)]``. Raises Bad."""
    numbers = read_set(reader)
    reader.sp()
    items = read_items(reader)
    modifiers = Modifiers()
    if not reader.at_end():
        reader.sp()
        modifiers = read_modifiers(reader)
    reader.end()
    return Request(numbers, items, modifiers)


def read_items(reader: Reader) -> tuple[Item, ...]:
    """A macro, one item, or items in parentheses; each once."""
    if not reader.peek(b"("):
        start = reader.at
        macro = MACROS.get(_name(reader))
        if macro:
            return tuple(Item(name) for name in macro)
        reader.at = start
        return (_item(reader),)
    items = tuple(dict.fromkeys(reader.parenthesized(lambda: _item(reader), least=1)))
    if len(items) > reader.limits.fetch_items:
        raise reader.bad("too many data items")
    return items


def _name(reader: Reader) -> bytes:
    found = _NAME.match(reader.buffer, reader.at)
    if found is None:
        raise reader.bad("a data item was expected")
    reader.at = found.end()
    return found[0].upper()


def _item(reader: Reader) -> Item:
    start = reader.at
    name = _name(reader)
    if reader.peek(b"["):
        if name in SECTIONED:
            return _sectioned(reader, *SECTIONED[name])
    elif name in ITEMS:
        return ITEMS[name]
    elif name == b"PREVIEW":
        return Item("PREVIEW", lazy=_lazy(reader))
    reader.at = start
    raise reader.bad("there is no such data item")


def _lazy(reader: Reader) -> bool:
    if not reader.peek(b" (LAZY"):  # other parentheses behind a single PREVIEW are the modifiers of FETCH
        return False
    reader.expect(b" (")
    modifiers = [reader.word()]
    while reader.take(b" "):
        modifiers.append(reader.word())
    reader.expect(b")")
    if modifiers != [b"LAZY"]:
        raise reader.bad("there is no such modifier of PREVIEW")
    return True


def _sectioned(reader: Reader, name: str, peek: bool) -> Item:
    binary = name != "BODY"
    reader.expect(b"[")
    section = Section(_path(reader)) if binary else read_section(reader)
    reader.expect(b"]")
    if name == "BINARY.SIZE" or not reader.take(b"<"):
        return Item(name, section, peek)
    start = reader.number(MOST_63)
    reader.expect(b".")
    length = reader.positive(MOST_63)
    reader.expect(b">")
    return Item(name, section, peek, start, length)


def _path(reader: Reader) -> tuple[int, ...]:
    found = _PATH.match(reader.buffer, reader.at)
    if found is None:
        return ()
    numbers = found[0].split(b".", MOST_NUMBERS)
    if len(numbers) > MOST_NUMBERS:
        raise reader.bad("the section has too many numbers")
    reader.at = found.end()
    return tuple(map(int, numbers))


def read_section(reader: Reader) -> Section:
    """What stands in the brackets of BODY (RFC 9051 section 9: section-spec)."""
    path = _path(reader)
    if path and not reader.take(b"."):
        return Section(path)
    if not path and reader.peek(b"]"):
        return Section()
    if path and reader.take(b"MIME"):
        return Section(path, Of.MIME)
    if reader.take(b"TEXT"):
        return Section(path, Of.TEXT)
    reader.expect(b"HEADER")
    if not reader.take(b".FIELDS"):
        return Section(path, Of.HEADER)
    of = Of.NOT_FIELDS if reader.take(b".NOT") else Of.FIELDS
    reader.sp()
    return Section(path, of, tuple(reader.parenthesized(reader.astring, least=1)))


def read_modifiers(reader: Reader) -> Modifiers:
    """``(CHANGEDSINCE n VANISHED PARTIAL a:b)``, in any order, each once."""
    given: dict[bytes, object] = {}

    def read() -> None:
        name = reader.word()
        if name in given or name not in (b"CHANGEDSINCE", b"VANISHED", b"PARTIAL"):
            raise reader.bad("there is no such modifier of FETCH")
        if name != b"VANISHED":
            reader.sp()
        given[name] = reader.number(MOST_63) if name == b"CHANGEDSINCE" else read_partial(reader) if name == b"PARTIAL" else True

    reader.parenthesized(read, least=1)
    modifiers = Modifiers(given.get(b"CHANGEDSINCE"), b"VANISHED" in given, given.get(b"PARTIAL"))  # type: ignore[arg-type]
    if modifiers.vanished and modifiers.changed_since is None:
        raise reader.bad("VANISHED needs CHANGEDSINCE")  # RFC 7162 section 3.2.6
    return modifiers


def read_partial(reader: Reader) -> tuple[int, int]:
    """``1:10``, or ``-1:-10`` to count from the end (RFC 9394 section 3.1)."""
    negative = reader.peek(b"-")
    first = _signed(reader, negative)
    reader.expect(b":")
    return first, _signed(reader, negative)


def _signed(reader: Reader, negative: bool) -> int:
    if not negative:
        return reader.positive()
    reader.expect(b"-")
    return -reader.positive()
