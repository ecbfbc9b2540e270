"""A body part of a message: what its header says of it and where its bytes are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

Parameters = tuple[tuple[bytes, bytes], ...]  # name and value as written, in order

EMBEDDED = frozenset({b"rfc822", b"global"})  # RFC 2046 5.2.1, RFC 6532 3.7


@dataclass(slots=True)
class Part:
    """One body part; the message itself is one. Offsets are bytes from the first byte of the whole message."""

    type: bytes = b"text"  # as written; "" when Content-Type cannot be read
    subtype: bytes = b"plain"
    params: Parameters = ()
    id: bytes | None = None  # Content-ID
    description: bytes | None = None
    encoding: bytes | None = None  # Content-Transfer-Encoding; None: 7bit
    disposition: bytes | None = None
    disposition_params: Parameters = ()
    language: tuple[bytes, ...] = ()
    location: bytes | None = None
    md5: bytes | None = None
    header_start: int = 0
    body_start: int = 0  # behind the empty line
    end: int = 0  # before the line end that belongs to the boundary
    lines: int = 0  # line ends in the body
    envelope: bytes = b""  # of the embedded message, as ENVELOPE shows it; "" when there is none
    children: list[Part] = field(default_factory=list)  # of a multipart its parts; of an embedded message: that message

    @property
    def size(self) -> int:
        """Bytes of the body as stored, that is encoded."""
        return self.end - self.body_start

    @property
    def multipart(self) -> bool:
        """True when it consists of parts."""
        return self.type.lower() == b"multipart"

    @property
    def message(self) -> Part | None:
        """The message inside message/rfc822 or message/global, else None."""
        return self.children[0] if self.envelope else None

    def parameter(self, name: bytes) -> bytes | None:
        """The value of a parameter of Content-Type, by its name in lower case; None when there is none."""
        for key, value in self.params:
            if key.lower() == name:
                return value
        return None


def find(root: Part, path: Sequence[int]) -> Part:
    """The part that a section number names (RFC 3501 6.4.5); an empty path is the message. Raises KeyError when there is none."""
    part = root
    for position, number in enumerate(path):
        if position:
            part = part.message or part  # the parts of an embedded message are numbered as if they were its container's
        if part.multipart and 1 <= number <= len(part.children):
            part = part.children[number - 1]
        elif part.multipart or number != 1 or (position and not _holds_message(root, path[:position])):
            raise KeyError(tuple(path))  # a message that is not multipart has part 1 and no other
    return part


def message_of(root: Part, path: Sequence[int]) -> Part:
    """The message whose HEADER and TEXT a section means: the whole one or an embedded one. Raises KeyError for any other part."""
    part = find(root, path)
    if not path:
        return part
    if part.message is None:
        raise KeyError(tuple(path))
    return part.message


def _holds_message(root: Part, path: Sequence[int]) -> bool:
    return find(root, path).message is not None


def walk(root: Part) -> list[Part]:
    """The part and all below it, in the order of their bytes."""
    found, waiting = [], [root]
    while waiting:
        part = waiting.pop()
        found.append(part)
        waiting += reversed(part.children)
    return found
