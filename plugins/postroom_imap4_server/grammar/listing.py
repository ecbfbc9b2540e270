"""The arguments of LIST, LSUB and STATUS (RFC 9051 section 9, RFC 5258 section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from . import names

if TYPE_CHECKING:
    from .reader import Reader

SELECTIONS = frozenset({b"SUBSCRIBED", b"REMOTE", b"RECURSIVEMATCH", b"SPECIAL-USE"})
RETURNS = frozenset({b"SUBSCRIBED", b"CHILDREN", b"SPECIAL-USE", b"MYRIGHTS"})  # and STATUS and METADATA, which have arguments
STATUS_ITEMS = frozenset(
    {
        b"MESSAGES", b"UIDNEXT", b"UIDVALIDITY", b"UNSEEN", b"DELETED", b"SIZE", b"RECENT", b"HIGHESTMODSEQ", b"MAILBOXID", b"APPENDLIMIT",
        b"DELETED-STORAGE",
    }
)  # fmt: skip


class Listing(NamedTuple):
    """What LIST is asked for."""

    reference: str
    patterns: tuple[str, ...]
    select: frozenset[bytes] = frozenset()  # words of SELECTIONS
    returns: frozenset[bytes] = frozenset()  # words of RETURNS
    status: tuple[bytes, ...] = ()  # RFC 5819
    metadata: tuple[str, ...] = ()  # RFC 9590
    extended: bool = False  # in the form of RFC 5258


def read_list(reader: Reader) -> Listing:
    """The arguments of LIST, to the end. Raises Bad."""
    select: list[bytes] = []
    extended = reader.peek(b"(")
    if extended:
        select = reader.parenthesized(lambda: _one_of(reader, SELECTIONS))
        reader.sp()
    if b"RECURSIVEMATCH" in select and b"SUBSCRIBED" not in select:
        raise reader.bad("RECURSIVEMATCH needs another selection option")  # RFC 5258 section 3.1
    reference = reader.mailbox()
    reader.sp()
    several = reader.peek(b"(")
    patterns = reader.one_or_list(lambda: _pattern(reader))
    found = Listing(reference, tuple(patterns), frozenset(select), extended=extended or several)
    if not reader.at_end():
        reader.sp()
        reader.expect(b"RETURN ")
        found = _returns(reader, found)._replace(extended=True)
    reader.end()
    return found


def read_lsub(reader: Reader) -> Listing:
    """The arguments of LSUB, to the end. Raises Bad."""
    reference = reader.mailbox()
    reader.sp()
    pattern = _pattern(reader)
    reader.end()
    return Listing(reference, (pattern,))


def read_new_name(reader: Reader) -> tuple[str, str]:
    """The name of a mailbox to be made, and the same as the client has written it; a separator at its end is left out. Raises Bad."""
    raw = reader.astring()
    try:
        name = names.decode(raw, utf8=reader.utf8)
    except ValueError as error:
        raise reader.bad(str(error)) from None
    written = raw.decode("utf-8") if reader.utf8 else name
    return name.removesuffix(names.SEPARATOR), written.removesuffix(names.SEPARATOR)


def read_status_items(reader: Reader) -> tuple[bytes, ...]:
    """What STATUS is asked for, in parentheses, each once. Raises Bad."""
    return tuple(dict.fromkeys(reader.parenthesized(lambda: _one_of(reader, STATUS_ITEMS), least=1)))


def read_entry(reader: Reader) -> str:
    """The name of an annotation, in lower case: it is the same in any case (RFC 5464 section 3.2.1). Raises Bad."""
    entry = reader.text().lower()
    parts = entry.split("/")
    if parts[0] or len(parts) < 3 or parts[1] not in ("private", "shared") or "" in parts[1:]:
        raise reader.bad("an entry begins with /private/ or /shared/, and none of its parts is empty")
    if not entry.isascii() or not entry.isprintable() or "*" in entry or "%" in entry or len(entry) > 500:
        raise reader.bad("the name of the entry is too long, or holds what it must not")
    return entry


def _returns(reader: Reader, found: Listing) -> Listing:
    plain: set[bytes] = set()
    status: tuple[bytes, ...] = ()
    metadata: list[str] = []

    def option() -> None:
        nonlocal status
        word = _one_of(reader, RETURNS | {b"STATUS", b"METADATA"})
        if word == b"STATUS":
            reader.sp()
            status = read_status_items(reader)
        elif word == b"METADATA":
            reader.sp()
            metadata.extend(reader.parenthesized(lambda: read_entry(reader), least=1))
        else:
            plain.add(word)

    reader.parenthesized(option)
    return found._replace(returns=frozenset(plain), status=status, metadata=tuple(dict.fromkeys(metadata)))


def _one_of(reader: Reader, words: frozenset[bytes]) -> bytes:
    start = reader.at
    word = reader.word()
    if word not in words:
        reader.at = start
        raise reader.bad("this option or item is not known")
    return word


def _pattern(reader: Reader) -> str:
    try:
        return names.decode(reader.list_mailbox(), utf8=reader.utf8)
    except ValueError as error:
        raise reader.bad(str(error)) from None
