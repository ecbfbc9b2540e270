"""What SORT and THREAD say before the search program (RFC 5256 section 4): criteria, algorithm, character set."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..refusals import Bad

if TYPE_CHECKING:
    from .reader import Reader

NAMES = frozenset({b"ARRIVAL", b"CC", b"DATE", b"DISPLAYFROM", b"DISPLAYTO", b"FROM", b"SIZE", b"SUBJECT", b"TO"})
MOST = 20  # criteria: there are nine to choose from


class Criterion(NamedTuple):
    """What to sort by."""

    name: bytes
    reverse: bool = False


def read_criteria(reader: Reader) -> tuple[Criterion, ...]:
    """``(REVERSE DATE SUBJECT)``."""
    found: list[Criterion] = []
    reverse = False
    for word in reader.parenthesized(reader.word, least=1):
        if word == b"REVERSE" and not reverse:
            reverse = True
        elif word in NAMES:
            found.append(Criterion(word, reverse))
            reverse = False
        else:
            raise reader.bad("there is no such sort criterion")
    if reverse or len(found) > MOST:
        raise reader.bad("a sort criterion was expected" if reverse else "there are too many sort criteria")
    return tuple(dict.fromkeys(found))


def read_charset(reader: Reader) -> bytes:
    """The character set of the search program, and the space behind it."""
    charset = reader.astring()
    reader.sp()
    if reader.utf8 and not reader.rev2 and charset.upper() != b"UTF-8":
        raise Bad("only UTF-8 may be used after ENABLE UTF8=ACCEPT")  # RFC 6855 section 3
    return charset
