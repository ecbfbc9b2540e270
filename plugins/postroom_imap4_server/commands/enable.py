"""ENABLE (RFC 5161)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..capabilities import protocols
from .command import LOGGED_IN, Command

if TYPE_CHECKING:
    from ..grammar.reader import Reader
    from ..session import Session

# what can be enabled -> the attributes of the session that say so
EXTENSIONS = {
    "CONDSTORE": ("condstore",),  # RFC 7162 section 3.1
    "QRESYNC": ("qresync", "condstore"),  # RFC 7162 section 3.2.3: implies CONDSTORE
    "UTF8=ACCEPT": ("utf8",),  # RFC 6855 section 3
    "IMAP4REV2": ("rev2", "utf8"),  # RFC 9051 section 6.3.1
    "UIDONLY": ("uidonly",),  # RFC 9586 section 3
}
REV2 = "IMAP4REV2"
WRITTEN = {REV2: "IMAP4rev2"}


def parse(reader: Reader) -> list[str]:
    """One or more atoms."""
    words = [reader.word()]
    while not reader.at_end():
        reader.sp()
        words.append(reader.word())
    return [word.decode("ascii") for word in words]


def run(session: Session, words: list[str]) -> str:
    """Enable what is known and not enabled yet; other words do not matter (RFC 5161 section 3.1)."""
    enabled: list[str] = []
    fresh: dict[str, None] = {}
    for word in dict.fromkeys(words):
        attributes = EXTENSIONS.get(word, ())
        if word == REV2 and WRITTEN[REV2] not in protocols(session):
            continue
        if attributes and not getattr(session, attributes[0]) and attributes[0] not in fresh:
            enabled.append(WRITTEN.get(word, word))
            fresh.update(dict.fromkeys(attributes))
    session.untagged(" ".join(["ENABLED", *enabled]))
    for attribute in fresh:
        if attribute == "condstore":
            session.enable_condstore()
        else:
            setattr(session, attribute, True)
    return "ENABLE completed"


ENABLE = Command(b"ENABLE", LOGGED_IN, parse, run)
