"""The letters of RFC 4314 as clients write and read them, with the two of RFC 2086 that stand for several."""

from __future__ import annotations

from collections.abc import Collection

from postroom.store import acl

OBSOLETE = {"c": "kx", "d": "te"}  # RFC 4314 section 2.1.1
ANY = frozenset("lrikxa")  # any of these lets a user ask for the rights (RFC 4314 section 4)


def parsed(letters: str) -> str:
    """Rights as a client gives them, without the obsolete ones. Raises ValueError for a letter that is no right."""
    for letter in letters:
        if letter not in acl.ALL and letter not in OBSOLETE:
            raise ValueError(f"there is no right {letter!r}")
    return acl.ordered({real for letter in letters for real in OBSOLETE.get(letter, letter)})


def with_obsolete(letters: Collection[str]) -> str:
    """Rights as clients get them: the obsolete letters too, for clients that know only those."""
    return acl.ordered(letters) + "".join(old for old, stands_for in OBSOLETE.items() if set(stands_for) & set(letters))
