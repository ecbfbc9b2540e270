"""All words of a message that a search may look for, folded: of its header, of its parts' headers, of its text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .folding import fold
from .structure.part import Part, walk
from .structure.texts import header_text, text_of
from .structure.transfer import Reader

MOST_HEADER = 256 * 1024  # bytes of one header that are looked at
MOST_TEXT = 256 * 1024  # characters of each kind that are worth keeping


class Wording(NamedTuple):
    r"""The words of a message, folded; fields as ``NAME: VALUE`` lines. Neither NUL nor \x01 is in them."""

    header: str  # of the message's own header
    mime: str  # of the headers of its parts
    body: str  # of its text parts, and the headers of messages within it
    whole: bool  # False: the message has more than was looked at


def wording(root: Part, read: Reader, most: int = MOST_TEXT) -> Wording:
    """The words of a message whose structure is ``root``, up to ``most`` characters of each kind."""
    parts = walk(root)
    embedded = {id(part.message) for part in parts if part.message is not None}
    header, mime, body = _Kind(most), _Kind(most), _Kind(most)
    header.add([_header(root, read)])
    for part in parts:
        if part is not root:
            (body if id(part) in embedded else mime).add([_header(part, read)])
        if part.type.lower() == b"text":
            body.add(text_of(part, read))
    return Wording(header.text(), mime.text(), body.text(), header.whole and mime.whole and body.whole)


def clean(text: str) -> str:
    """Line ends as LF, and spaces for the characters that separate texts where they are kept."""
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    return text.replace("\0", " ").replace("\x01", " ") if "\0" in text or "\x01" in text else text


class _Kind:
    """Gathers text up to a bound."""

    def __init__(self, most: int) -> None:
        self.whole = True
        self._room = most
        self._found: list[str] = []

    def add(self, pieces: Iterable[str]) -> None:
        """Add a text, or as much of it as there is room for; a line end stands behind it."""
        for piece in pieces:
            if len(piece) > self._room:
                self._found.append(piece[: self._room])
                self._room, self.whole = 0, False
                return  # what follows is not even decoded
            self._found.append(piece)
            self._room -= len(piece)
        self._found.append("\n")

    def text(self) -> str:
        """All that was gathered, folded."""
        return fold(clean("".join(self._found)))


def _header(part: Part, read: Reader) -> str:
    return header_text(read(part.header_start, min(part.body_start - part.header_start, MOST_HEADER)))
