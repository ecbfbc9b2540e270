"""What the header of a part says once its text has another charset or transfer encoding."""

from __future__ import annotations

import re

from postroom.mail.header_edits import places, replaced
from postroom.mail.message import Message
from postroom.mail.splicing import Edit, spliced
from postroom.mail.structure import Part
from postroom.mail.structure.mime import describe

from .appending import Changed, Untouchable

_CHARSET = re.compile(rb';\s*charset\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;]+)', re.IGNORECASE)


def heading_edits(header: bytes, part: Part, changed: Changed) -> list[Edit]:
    """The edits of the message that make this header, the one of ``part``, true again. Raises Untouchable when it cannot be read safely."""
    edits: list[Edit] = []
    if changed.charset:
        edits += _charset_edits(header, changed.charset)
    if changed.encoding:
        edits += replaced(header, "Content-Transfer-Encoding", changed.encoding)
    if edits and part.header_start == 0 and not any(one.name == "mime-version" for one in places(header)):
        edits += replaced(header, "MIME-Version", "1.0")
    if changed.charset and not _says(b"".join(spliced(Message.whole(header), _joined(edits)).chunks()), part, changed.charset):
        raise Untouchable("its Content-Type is written in a way that cannot be changed")
    return [Edit(part.header_start + one.start, part.header_start + one.end, one.data) for one in _joined(edits)]


def _charset_edits(header: bytes, charset: str) -> list[Edit]:
    """The field keeps its bytes but for the parameter: it may have others that are long, folded or not in ASCII."""
    place = next((one for one in places(header) if one.name == "content-type"), None)
    if place is None:
        return replaced(header, "Content-Type", f"text/plain; charset={charset}")
    rest = _CHARSET.sub(b"", header[place.start : place.end].rstrip(b"\r\n")).rstrip(b"; \t\r\n")
    if b"charset*" in rest.lower():  # RFC 2231: readers differ in which of the two they believe
        raise Untouchable("its charset is written in pieces")
    return [Edit(place.start, place.end, rest + b";\r\n\tcharset=" + charset.encode("ascii") + b"\r\n")]


def _joined(edits: list[Edit]) -> list[Edit]:
    """Those that put something on top as one, because edits must not overlap."""
    top = b"".join(edit.data for edit in edits if edit.start == edit.end == 0)
    inside = [edit for edit in edits if edit.end]
    return [Edit(0, 0, top), *inside] if top else inside


def _says(header: bytes, before: Part, charset: str) -> bool:
    """Whether a reader finds the new charset, and everything else as it was."""
    now = describe(header)
    same = (now.type.lower(), now.subtype.lower()) == (before.type.lower(), before.subtype.lower()) and _others(now) == _others(before)
    return same and (now.parameter(b"charset") or b"").decode("latin-1") == charset


def _others(part: Part) -> list[tuple[bytes, bytes]]:
    return [(name.lower(), value) for name, value in part.params if name.lower() != b"charset"]
