"""PREVIEW (RFC 8970): the beginning of what a message says, as plain text."""

from __future__ import annotations

from .part import Part, walk
from .texts import text_of
from .transfer import Reader

MAX_CHARACTERS = 200  # RFC 8970 3.1
MAX_LOOKED_AT = 64 * 1024  # bytes of a part's encoded body
ENOUGH = 4096  # characters of text from which a preview is certain to be found


def preview(part: Part, read: Reader) -> str:
    """At most 200 characters of the first text that says something, on one line; "" when there is none. Plain text goes before HTML."""
    candidates = [inner for inner in walk(part) if inner.type.lower() == b"text" and (inner.disposition or b"").lower() != b"attachment"]
    candidates.sort(key=lambda inner: (inner.subtype.lower() != b"plain", inner.subtype.lower() != b"html"))
    for candidate in candidates[:10]:
        text = _beginning(candidate, read)
        if said := _on_one_line(_without_quotes(text)) or _on_one_line(text):
            return said
    return ""


def _beginning(part: Part, read: Reader) -> str:
    found: list[str] = []
    size = 0
    for piece in text_of(part, read, MAX_LOOKED_AT):
        found.append(piece)
        size += len(piece)
        if size >= ENOUGH:
            break
    return "".join(found)[:MAX_LOOKED_AT]


def _without_quotes(text: str) -> str:
    """The text without what it quotes of another message."""
    return "\n".join(line for line in text.splitlines() if not line.startswith(">"))


def _on_one_line(text: str) -> str:
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: MAX_CHARACTERS * 20]).split())
    return words[:MAX_CHARACTERS].rstrip()
