"""The parts of a message that its reader takes for its text, and whether they may be changed."""

from __future__ import annotations

from postroom.mail.structure import Part

SEALED = frozenset({b"signed", b"encrypted", b"report"})  # RFC 1847: any change breaks them; RFC 6522: a program has made it
FORMS = {b"plain": "plain", b"html": "html"}


def bodies(part: Part) -> list[tuple[Part, str]]:
    """The text parts with their form, "plain" or "html": each alternative, and of other multiparts the first part.

    What is signed or encrypted (multipart/signed, S/MIME, PGP/MIME) has none, and reports have none.
    """
    subtype = part.subtype.lower()
    if part.multipart:
        if subtype in SEALED or not part.children:
            return []
        children = part.children if subtype == b"alternative" else part.children[:1]
        return [found for child in children for found in bodies(child)]
    attached = (part.disposition or b"").lower() == b"attachment"
    if part.type.lower() != b"text" or subtype not in FORMS or attached:
        return []
    return [(part, FORMS[subtype])]
