"""Keywords of messages (RFC 9051 section 2.3.2): a mailbox knows all that were ever used in it, each in its first spelling."""

from __future__ import annotations

from collections.abc import Iterable

MOST = 250  # of one mailbox
LONGEST = 8_192  # characters of all of them: each message may have them all


class TooManyKeywords(Exception):
    """The mailbox has as many keywords as it may have."""


def spelled(known: str, wanted: Iterable[str], *, drop: bool = False) -> tuple[str, tuple[str, ...]]:
    """What the mailbox knows afterwards, and the wanted ones as it spells them, each once.

    ``known``: as the column holds it, separated by spaces. Raises TooManyKeywords, or leaves out what is too much if ``drop``.
    """
    wanted = tuple(wanted)
    if not wanted:
        return known, ()
    spelling = {word.lower(): word for word in known.split()}
    before, length = len(spelling), len(known)
    found: dict[str, None] = {}
    for word in wanted:
        lowered = word.lower()
        if lowered not in spelling:
            if len(spelling) >= MOST or length + 1 + len(word) > LONGEST:
                if drop:
                    continue
                raise TooManyKeywords(f"a mailbox can have {MOST} different keywords, of {LONGEST} letters together")
            spelling[lowered] = word
            length += 1 + len(word)
        found[spelling[lowered]] = None
    return known if len(spelling) == before else " ".join(spelling.values()), tuple(found)


def joined(words: Iterable[str]) -> str:
    """The keywords of one message as its column holds them: equal sets give equal texts."""
    return " ".join(sorted(words))
