"""The full-text index as those see it who search: which of these messages have that string."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from enum import Enum
from typing import Any

from postroom.mail.wording import Wording

from ..blobs import Blobs
from ..database import Database
from . import places
from .needle import Needle, head
from .scanning import scanned
from .searching import IN_BODY, IN_HEAD, Moved, Search

FEW = 300  # messages whose volumes are looked up one by one; for more, all volumes of the account are searched
ATTEMPTS = 5

Check = Callable[[], None]


class Scope(Enum):
    """Where a string is looked for (RFC 9051 section 6.4.4)."""

    BODY = (IN_BODY,)  # text parts, and the headers of messages within the message
    TEXT = (IN_BODY, IN_HEAD)  # the whole message
    FIELD = (IN_HEAD,)  # one field of its header


class FullText:
    """The index of one database. ``offload(fn, *args)`` runs what takes long where it holds up nobody."""

    def __init__(self, db: Database, blobs: Blobs, offload: Callable[..., Any]) -> None:
        self.db, self.blobs, self.offload = db, blobs, offload

    def search(
        self,
        account_id: int,
        blob_ids: Sequence[int],
        fresh: Collection[int],
        needle: Needle,
        scope: Scope,
        field: str = "",
        check: Check = lambda: None,
    ) -> set[int]:
        """Which of the blobs have the string; others of the account may be among the answers.

        ``fresh``: those of them that the index may not know yet; they are read if it does not. ``field``: the name of a header field,
        with Scope.FIELD; then an empty string finds every message that has the field. ``check`` is called now and then, and may raise
        to end the search. Raises StoreUnavailable.
        """
        if not blob_ids or not (needle.text or field):
            return set(blob_ids)
        for _ in range(ATTEMPTS):
            try:
                found, unsure = self._indexed(account_id, blob_ids, fresh, needle, scope, field, check)
            except Moved:  # a volume was written anew at this very moment
                continue
            unsure -= found
            return found | self._scan(unsure.intersection(blob_ids) if unsure else unsure, needle, scope, field, check)
        return self._scan(set(blob_ids), needle, scope, field, check)

    def _indexed(
        self, account_id: int, blob_ids: Sequence[int], fresh: Collection[int], needle: Needle, scope: Scope, field: str, check: Check
    ) -> tuple[set[int], set[int]]:
        """Blobs that have the string, and those of which it is not known."""
        if len(blob_ids) <= FEW:
            known = places.of(self.db, account_id, blob_ids)
            volumes = sorted(set(known.values()))
            unsure = set(blob_ids).difference(known)
        else:
            unsure = set(fresh).difference(places.of(self.db, account_id, list(fresh)))
            volumes = places.volumes(self.db, account_id)
        found: set[int] = set()
        for kind in scope.value:
            hits = Search(self.db, self.offload, needle, kind, field).run(volumes, check)
            found |= hits.found
            unsure |= hits.unsure
        return found, unsure

    def _scan(self, blob_ids: Collection[int], needle: Needle, scope: Scope, field: str, check: Check) -> set[int]:
        if not blob_ids:
            return set()
        return scanned(self.blobs, self.offload, sorted(blob_ids), _test(needle, scope, field), check)


def _test(needle: Needle, scope: Scope, field: str) -> Callable[[Wording], bool]:
    """What decides for one message."""
    text = needle.text
    if scope is Scope.BODY:
        return lambda found: text in found.body
    if scope is Scope.TEXT:
        return lambda found: text in found.body or text in found.header or text in found.mime
    pattern = needle.field(field)
    return lambda found: pattern.search(head(found.header, found.mime).encode("utf-8", "replace")) is not None
