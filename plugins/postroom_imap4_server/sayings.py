"""Search keys about what messages say: in the fields of their headers, and in their text (RFC 9051 section 6.4.4)."""

from __future__ import annotations

from bisect import bisect_right
from itertools import compress

from postroom.store.fulltext.index import FullText, Scope
from postroom.store.fulltext.needle import Needle

from . import headed, masks, prefixed
from .place import Matcher, Place

NAMED = {"subject": "subject", "from": "sender", "to": "recipient", "cc": "cc", "bcc": "bcc"}  # field: column of store.headings


def _envelope(name: str) -> Matcher:
    def find(place: Place, values: tuple[str], among: int) -> int:
        text = Needle(values[0]).text
        if not text:
            return among
        texts = headed.folded(place.context, place.columns, NAMED[name], place.check)
        return place.aside(lambda: masks.of([text in one for one in texts]))

    return Matcher(find, 1)


def _header(place: Place, values: tuple[str, str], among: int) -> int:
    name, text = values
    if text and name.lower() in NAMED:
        return SAYINGS[name.upper().encode()].find(place, (text,), among)
    return _search(place, text, Scope.FIELD, among, name)


def _body(place: Place, values: tuple[str], among: int) -> int:
    return _search(place, values[0], Scope.BODY, among)


def _text(place: Place, values: tuple[str], among: int) -> int:
    return _search(place, values[0], Scope.TEXT, among)


def _search(place: Place, text: str, scope: Scope, among: int, field: str = "") -> int:
    """Ask the full-text index, and look at the lines that each copy has for itself."""
    context, columns, needle = place.context, place.columns, Needle(text)
    if not needle.text and not field:
        return among
    blobs = list(masks.chosen(among, columns.blobs))
    fresh = _fresh(place, among)
    fulltext = FullText(context.db, context.blobs, context.offload)
    hits = fulltext.search(place.folder.account_id, blobs, fresh, needle, scope, field, place.check)
    found = place.aside(lambda: masks.of([blob in hits for blob in columns.blobs])) & among
    if scope is Scope.BODY or found == among or (field and not prefixed.may_hold(columns, field)):
        return found
    uids = prefixed.having(context, columns, needle, field, place.check)
    return found | masks.of_indexes(map(columns.position, uids), len(columns))


def _fresh(place: Place, among: int) -> list[int]:
    """Blobs of the messages that are not digested yet: the last ones."""
    columns = place.columns
    first = bisect_right(columns.uids, place.folder.digested)
    member = among.to_bytes(len(columns), "little")[first:]
    return list(compress(columns.blobs[first:], member))


SAYINGS: dict[bytes, Matcher] = {
    **{name.upper().encode(): _envelope(name) for name in NAMED},
    b"HEADER": Matcher(_header, 2),
    b"BODY": Matcher(_body, 2),
    b"TEXT": Matcher(_text, 2),
}
