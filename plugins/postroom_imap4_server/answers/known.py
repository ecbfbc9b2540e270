"""Data items that depend on nothing but the message's bytes, and are kept: structure, envelope, preview, thread, sets of header fields."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from postroom.mail.structure import Part, body, header_fields, load
from postroom.store.database import StoreUnavailable
from postroom.store.kept import (
    ALWAYS,
    BODYSTRUCTURE,
    ENVELOPE,
    FIELDS,
    LONGEST_ANSWER,
    PREVIEW,
    STRUCTURE,
    THREADID,
    compute,
    fields_kind,
)
from postroom.store.uids import ascending, clauses

from ..grammar.fetching import Item, Of
from ..grammar.writing import text
from ..headed import alone
from .batch import SMALL
from .opened import QUICK, opened, quick_header

if TYPE_CHECKING:
    from postroom.store.database import Tx
    from postroom.store.letter import Letter

    from ..session import Session
    from .batch import Batch, Column

MANY = 100  # messages that are asked for at once: then a set of header fields is worth keeping
WHEN_ASKED = {PREVIEW, THREADID}  # worth keeping when one message is asked for
OF_HEADER = (FIELDS, THREADID)  # how the names begin of what the header alone tells
NOTHING = Part()
LATER = b"\xff"  # in place of an answer that is not to be waited for
BREATH = 10  # messages that are taken apart between two rests

# Fields that a delivery puts in front of a message: kept answers do not know them (see postroom.store.appending: QUIET)
_IN_FRONT = re.compile(
    rb"return-path|received|delivered-to|x-original-to|authentication-results|received-spf|x-(?!priority$).*", re.IGNORECASE | re.DOTALL
)
_TOKEN = re.compile(rb"[!-9;-~]+")
PREFIXES = "SELECT uid, prefix FROM message WHERE mailbox_id = ? AND own = 0 AND length(prefix) > 0 AND"


class Known(NamedTuple):
    """A data item whose answers can be kept."""

    kind: str
    column: Callable[[Batch, Sequence[bytes]], Column]  # the values as they are kept, as a piece of the response


def known(item: Item) -> Known | None:
    """The kept kind that answers a data item; None for others."""
    section = item.section
    if section is None:
        return KNOWN.get(item.name)
    if item.name != "BODY" or section.of is not Of.FIELDS or section.path:
        return None
    names = frozenset(name.lower() for name in section.names)
    if not all(_TOKEN.fullmatch(name) for name in names):
        return None
    in_front = any(_IN_FRONT.fullmatch(name) for name in names)

    def column(batch: Batch, values: Sequence[bytes]) -> Column:
        if in_front:
            values = _with_prefixes(batch, values, names)
        if item.length is not None:
            values = [value[item.start : item.start + item.length] for value in values]
        return bytes(item).replace(b"%", b"%%") + b" {%d}\r\n%b", [map(len, values), values]

    return Known(fields_kind(names), column)


def _plain(name: str) -> Callable[[Batch, Sequence[bytes]], Column]:
    return lambda batch, values: (b"%b %%b" % name.encode(), [values])


def _body(batch: Batch, values: Sequence[bytes]) -> Column:
    def rendered() -> list[bytes]:
        return [body(load(value)) for value in values]

    slow = max(map(len, values), default=0) > QUICK
    return b"BODY %b", [batch.session.context.offload(rendered) if slow else rendered()]


def _preview(batch: Batch, values: Sequence[bytes]) -> Column:
    utf8 = batch.session.utf8
    return b"PREVIEW %b", [[b"NIL" if value is LATER else text(value.decode(), utf8=utf8) for value in values]]


def _thread(batch: Batch, values: Sequence[bytes]) -> Column:
    """A message that names no message is a thread by itself, and with its copies (RFC 8474 section 5.2)."""
    blobs = batch.take(batch.columns.blobs)
    return b"THREADID (%b)", [[value or b"T%016x" % alone(blob) for value, blob in zip(values, blobs, strict=True)]]


KNOWN = {
    "ENVELOPE": Known(ENVELOPE, _plain("ENVELOPE")),
    "BODYSTRUCTURE": Known(BODYSTRUCTURE, _plain("BODYSTRUCTURE")),
    "BODY": Known(STRUCTURE, _body),
    "PREVIEW": Known(PREVIEW, _preview),
    "THREADID": Known(THREADID, _thread),
}


class Answers:
    """The kept answers of one FETCH for some messages; what is done for those that have none yet."""

    def __init__(self, batch: Batch, names: Iterable[str], *, many: bool, lazy: Collection[str] = ()) -> None:
        self.batch, self.kept, self.lazy = batch, batch.session.context.kept, lazy
        self.kinds = {name: self.kept.kind(name, add=many or name in WHEN_ASKED) for name in names}

    def of(self) -> dict[str, list[bytes | None]]:
        """For each kind an answer for each message; None for messages that are gone."""
        batch = self.batch
        blobs, own = batch.take(batch.columns.blobs), batch.take(batch.columns.own)
        found: dict[str, list[bytes | None]] = {}
        for name, kind in self.kinds.items():
            by_blob = {} if kind is None else self.kept.answers(kind, blobs)
            found[name] = list(map(by_blob.get, blobs))
        if any(own):  # what is known of the blob is not true of the message
            for values in found.values():
                values[:] = [None if mine else value for mine, value in zip(own, values, strict=True)]
        for name in self.lazy:  # RFC 8970 section 3.2: what takes time may be left for later
            sizes = batch.take(batch.columns.sizes)
            found[name] = [LATER if value is None and size > SMALL else value for size, value in zip(sizes, found[name], strict=True)]
        self._complete(found)
        return found

    def _complete(self, found: dict[str, list[bytes | None]]) -> None:
        missing = sorted({number for values in found.values() if None in values for number, value in enumerate(values) if value is None})
        numbers = {self.batch.uids[number]: number for number in missing}
        for some in self.batch.split(list(numbers)):
            self._compute(some, numbers, found)

    def _compute(self, some: Batch, numbers: Mapping[int, int], found: dict[str, list[bytes | None]]) -> None:
        session, kinds = some.session, self.kept.kinds()
        own = dict(zip(some.uids, some.take(some.columns.own), strict=True))
        fresh = []
        for count, letter in enumerate(some.letters()):
            place = numbers[letter.uid]
            names = {name for name, values in found.items() if values[place] is None}
            if not own[letter.uid] and not names.isdisjoint(ALWAYS):
                names |= kinds.keys()  # nothing is known of this message yet
            with contextlib.suppress(KeyError):  # it has gone meanwhile
                made = _computed(session, letter, names, own=bool(own[letter.uid]))
                for name in names & found.keys():
                    found[name][place] = made[name]
                if not own[letter.uid]:
                    fresh += [
                        (kinds[name], letter.blob_id, made[name]) for name in names & kinds.keys() if len(made[name]) <= LONGEST_ANSWER
                    ]
            if count % BREATH == 0:
                session.out.breathe()
        with contextlib.suppress(StoreUnavailable):  # it can be computed again
            self.kept.keep(fresh)


def _computed(session: Session, letter: Letter, names: Iterable[str], *, own: bool) -> dict[str, bytes]:
    """Answers about the message if ``own``, else about the blob. Raises KeyError when it has gone."""
    if all(name.startswith(OF_HEADER) for name in names):
        header = quick_header(letter, own=own)
        if header is not None:
            return {name: compute(name, header, NOTHING, letter.read) for name in names}
    message = opened(session, letter, own=own)
    header, root = message.header, message.root
    quick = letter.size <= QUICK
    values = {name: compute(name, header, root, message.read) for name in names if quick or name == PREVIEW}
    if not quick:  # in a thread, but for previews, which may look into the database
        values |= session.context.offload(lambda: {name: compute(name, header, root, message.read) for name in names if name != PREVIEW})
    return values


def _with_prefixes(batch: Batch, values: Sequence[bytes], names: frozenset[bytes]) -> list[bytes]:
    """With the fields that were put in front of the messages."""

    def work(tx: Tx) -> dict[int, bytes]:
        wanted = clauses(ascending(batch.uids))
        return {
            uid: bytes(prefix)
            for clause, params in wanted
            for uid, prefix in tx.execute(f"{PREFIXES} {clause}", (batch.mailbox_id, *params))
        }

    prefixes = batch.session.context.db.read(work)
    return [
        header_fields(prefixes[uid], names)[:-2] + value if uid in prefixes else value
        for uid, value in zip(batch.uids, values, strict=True)
    ]
