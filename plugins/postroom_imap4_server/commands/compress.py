"""COMPRESS (RFC 4978)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..refusals import No
from .command import LOGGED_IN, Command

if TYPE_CHECKING:
    from ..grammar.reader import Reader
    from ..session import Session


def parse(reader: Reader) -> bytes:
    """The algorithm."""
    algorithm = reader.word()
    reader.end()
    return algorithm


def run(session: Session, algorithm: bytes) -> str:
    """Say yes; what follows the OK is compressed, in both directions."""
    if session.compressed:
        raise No("DEFLATE is active already", "COMPRESSIONACTIVE")
    if algorithm != b"DEFLATE" or not session.settings.compress:
        raise No("the algorithm is not offered")
    session.compressed = True
    session.then = session.out.compress
    return "DEFLATE active"


COMPRESS = Command(b"COMPRESS", LOGGED_IN, parse, run)
