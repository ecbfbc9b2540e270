"""LANGUAGE (RFC 5255 section 3): the server speaks English only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..refusals import No
from .command import ANY, Command

if TYPE_CHECKING:
    from ..grammar.reader import Reader
    from ..session import Session

LANGUAGES = {"en": "en", "i-default": "i-default", "default": "i-default", "*": "i-default"}  # as asked for, in lower case -> tag


def parse(reader: Reader) -> list[str]:
    """Language ranges, the best first; [] asks what there is."""
    ranges: list[str] = []
    while not reader.at_end():
        if ranges:
            reader.sp()
        ranges.append(reader.text().lower())
    return ranges


def run(session: Session, ranges: list[str]) -> str:
    """List the languages, or use the first of ``ranges`` that is known: a longer range finds a shorter tag (RFC 4647 section 3.4)."""
    if not ranges:
        session.untagged('LANGUAGE ("i-default" "en")')
        return "LANGUAGE completed"
    chosen = next(filter(None, map(_find, ranges)), "")
    if not chosen:
        raise No("the language is not known here")
    session.language = chosen
    session.untagged(f'LANGUAGE ("{chosen}")')
    return f"Now speaking {'English' if chosen == 'en' else 'the default language'}"


def _find(wanted: str) -> str:
    while wanted not in LANGUAGES and "-" in wanted:
        wanted = wanted.rpartition("-")[0]
    return LANGUAGES.get(wanted, "")


LANGUAGE = Command(b"LANGUAGE", ANY, parse, run)
