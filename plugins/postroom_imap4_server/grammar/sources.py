"""Which mailboxes ESEARCH searches (RFC 7377 section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .events import DELAYED, FILTERS, MAILBOXES, SELECTED, SUBTREE

if TYPE_CHECKING:
    from .reader import Reader

SUBTREE_ONE = b"SUBTREE-ONE"
NAMED = frozenset({SUBTREE, SUBTREE_ONE, MAILBOXES})
MOST = 100  # sources


class Source(NamedTuple):
    """Some mailboxes."""

    filter: bytes  # one of FILTERS, or SUBTREE_ONE
    names: tuple[str, ...] = ()  # of the NAMED ones

    @property
    def selected(self) -> bool:
        """Whether it is the selected mailbox."""
        return self.filter in (SELECTED, DELAYED)


def read_sources(reader: Reader) -> tuple[Source, ...]:
    """``[IN (source source … [(scope options)]) ]``; without it the selected mailbox. Raises Bad."""
    if not reader.take(b"IN "):
        return (Source(SELECTED),)
    reader.expect(b"(")
    found = [_source(reader)]
    while reader.take(b" "):
        if reader.peek(b"("):
            raise reader.bad("there is no such scope option")  # RFC 7377 defines none
        if len(found) >= MOST:
            raise reader.bad("there are too many sources")
        found.append(_source(reader))
    reader.expect(b")")
    reader.sp()
    return tuple(found)


def _source(reader: Reader) -> Source:
    word = reader.word()
    if word not in FILTERS and word != SUBTREE_ONE:
        raise reader.bad("there is no such set of mailboxes")
    if word not in NAMED:
        return Source(word)
    reader.sp()
    return Source(word, tuple(reader.one_or_list(reader.mailbox)))
