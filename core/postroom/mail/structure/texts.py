"""The text of a message as a reader sees it, decoded: what SEARCH BODY and SEARCH TEXT look into, and what previews are made of."""

from __future__ import annotations

from collections.abc import Iterator

from ..headers import decode
from . import charsets, fields
from .html import Stripper
from .part import Part, walk
from .transfer import Reader, decoded

MAX_EMBEDDED_HEADER = 64 * 1024  # bytes of an embedded message's header that are looked at


def texts(part: Part, read: Reader) -> Iterator[str]:
    """The text of each text/* part, in pieces of some 64 KB, and the headers of embedded messages; a line end stands between parts.

    ``read(start, length)`` gives bytes of the whole message.
    """
    for inner in walk(part):
        if inner.type.lower() == b"text":
            yield from text_of(inner, read)
            yield "\n"
        elif (message := inner.message) is not None:
            length = min(message.body_start - message.header_start, MAX_EMBEDDED_HEADER)
            yield header_text(read(message.header_start, length))


def header_text(header: bytes) -> str:
    """A header as SEARCH looks at it: a line for each field, unfolded and with encoded words decoded."""
    lines: list[str] = []
    for name, values in fields.collect(header).items():
        title = name.decode("ascii")
        lines += [f"{title}: {decode(fields.on_one_line(value))}\n" for value in values]
    return "".join(lines)


def text_of(part: Part, read: Reader, limit: int | None = None) -> Iterator[str]:
    """The text of one text/* part, in pieces; ``limit``: at most so many bytes of the encoded body are looked at."""
    decoder = charsets.decoder(part.parameter(b"charset"))
    pieces = _strings(decoded(part, read, limit), decoder)
    if part.subtype.lower() not in {b"html", b"xhtml"}:
        yield from pieces
        return
    stripper = Stripper()
    for piece in pieces:
        yield stripper.feed(piece)
    yield stripper.feed("", final=True)


def _strings(pieces: Iterator[bytes], decoder: charsets.Decoder) -> Iterator[str]:
    for piece in pieces:
        if text := decoder.decode(piece):
            yield text
    if text := decoder.decode(b"", True):
        yield text
