"""Messages that come in with APPEND and REPLACE: read as they come, kept together or not at all.

How this works. The messages are read when it is known who sends them and for which mailbox, each literal straight into a draft,
which keeps long ones in the database from the beginning. Nothing refers to a draft before ``keep`` has committed all of them in one
transaction. When something is wrong it is said at once to a client that waits for our "+"; what a client that does not wait (LITERAL+)
has sent already is dropped by the reader, so that the connection goes on with the next command.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from postroom.store.appending import append_to
from postroom.store.database import Conflict, StoreUnavailable
from postroom.store.keywords import TooManyKeywords
from postroom.store.quota import hold, room

from .catenating import copy_part
from .grammar.dates import read_date_time
from .grammar.flags import Flags, read_flags
from .grammar.writing import number_set
from .opening import open_mailbox
from .refusals import No

if TYPE_CHECKING:
    from postroom.store.blobs import Draft
    from postroom.store.database import Tx

    from .grammar.reader import Reader
    from .session import Session

FULL = ("the quota of this account does not allow for that", "OVERQUOTA")  # RFC 9208 section 4.3.1
SEEN, DELETED = 1, 8
RIGHTS = (("s", SEEN), ("t", DELETED), ("w", ~(SEEN | DELETED)))  # RFC 4314 section 4: which right which flags need


class Arrival(NamedTuple):
    """One message as it has come."""

    draft: Draft
    flags: Flags
    received_at: int | None  # ms; None: now


class Arriving:
    """The messages of one command; to be used in a ``with`` block, which drops them unless they were kept.

    ``target``: the mailbox that they go to. Raises No when they may not.
    """

    def __init__(self, session: Session, reader: Reader, name: str) -> None:
        reader.expect_messages()
        self._session, self._reader = session, reader
        self._arrivals: list[Arrival] = []
        self._held = 0  # bytes in memory
        self.target = open_mailbox(session, name, "i", code_if_missing="TRYCREATE")  # RFC 9051 section 6.3.12

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None:
            with contextlib.suppress(StoreUnavailable):  # what stays behind is removed after a day
                for arrival in self._arrivals:
                    arrival.draft.abandon()

    def read(self) -> None:
        """One message with its flags and date. Raises Bad, No and StoreUnavailable."""
        reader, flags, received_at = self._reader, Flags(), None
        if len(self._arrivals) >= self._session.limits.items:
            raise No("too many messages in one command", "LIMIT")
        reader.sp()
        if reader.peek(b"("):
            flags = read_flags(reader)
            reader.sp()
        if reader.peek(b'"'):
            received_at = read_date_time(reader)
            reader.sp()
        draft = self._session.context.blobs.draft()
        self._arrivals.append(Arrival(draft, flags, received_at))
        self._content(draft)
        self._complete(draft)

    def _content(self, draft: Draft) -> None:
        reader = self._reader
        if reader.take(b"CATENATE "):  # RFC 4469
            reader.parenthesized(lambda: self._piece(draft), least=1)
        elif reader.take(b"UTF8 ("):  # RFC 6855 section 4
            self._utf8_literal(draft)
        else:
            self._literal(draft)

    def _piece(self, draft: Draft) -> None:
        """One part of a message that is put together."""
        reader = self._reader
        if reader.take(b"URL "):
            copy_part(self._session, reader.astring(), draft, self._session.limits.message)
        elif reader.take(b"UTF8 ("):
            self._utf8_literal(draft)
        else:
            reader.expect(b"TEXT ")
            self._literal(draft)

    def _utf8_literal(self, draft: Draft) -> None:
        reader = self._reader
        if not reader.utf8:
            raise reader.bad("UTF8 needs ENABLE UTF8=ACCEPT before")
        if not reader.peek(b"~"):
            raise reader.bad("a literal8 was expected")
        self._literal(draft)
        reader.expect(b")")

    def _literal(self, draft: Draft) -> None:
        reader = self._reader
        binary = reader.peek(b"~")  # RFC 3516
        size = reader.announced(self._session.limits.message - draft.size, binary=True)
        for piece in reader.source.pieces(size):
            if not binary and b"\0" in piece:
                raise No("a message that holds NUL needs a literal8")  # RFC 9051 section 4.3.1
            draft.write(piece)
        reader.continued()

    def _complete(self, draft: Draft) -> None:
        if not draft.size:
            raise No("an empty message cancels the command")  # RFC 3502 section 6.3.11
        self._reader.fresh()
        if len(self._arrivals) > 1:  # one alone is looked at in the end: what it replaces makes room
            self._check_room()
        draft.seal()
        self._held += draft.size
        if self._held > self._session.limits.held:
            draft.set_aside()

    def _check_room(self) -> None:
        """Nobody fills the disk with messages of which none can be kept."""
        sizes = [arrival.draft.size for arrival in self._arrivals]
        if not self._session.context.db.read(lambda tx: room(tx, self.target.account, sum(sizes), len(sizes))):
            raise No(*FULL)

    def keep(self, before: Callable[[Tx], None] | None = None, *, locks: tuple[int, ...] = ()) -> list[int]:
        """Put all of them into the mailbox; their UIDs. Raises No and StoreUnavailable; then nothing has changed.

        ``before``: what is done first in the same transaction; ``locks``: the accounts whose mailboxes it changes.
        """
        target, now = self.target, int(time.time() * 1000)

        def work(tx: Tx) -> list[int]:
            hold(tx, target.account)
            if before is not None:
                before(tx)
            if not room(tx, target.account, sum(arrival.draft.size for arrival in self._arrivals), len(self._arrivals)):
                raise No(*FULL)
            return [self._keep_one(tx, arrival, target.folder.id, now) for arrival in self._arrivals]

        try:
            return self._session.context.db.write(work, locks=(target.account, *locks))
        except Conflict:
            raise No("there is no such mailbox any more", "TRYCREATE") from None
        except TooManyKeywords as error:
            raise No(str(error), "LIMIT") from None

    def code(self, uids: list[int]) -> str:
        """The response code that tells the UIDs, with brackets; "" where the user may not look (RFC 4315 section 3)."""
        return f"[APPENDUID {self.target.folder.uidvalidity} {number_set(uids)}] " if "r" in self.target.rights else ""

    def _keep_one(self, tx: Tx, arrival: Arrival, mailbox_id: int, now: int) -> int:
        draft, flags = arrival.draft, allowed(arrival.flags, self.target.rights)
        return append_to(
            tx,
            mailbox_id,
            blob_id=draft.store(tx),
            size=draft.size,
            received_at=now if arrival.received_at is None else arrival.received_at,
            flags=flags.bits,
            keywords=" ".join(flags.keywords),
            saved_at=now,
            own=False,
        )


def allowed(flags: Flags, rights: frozenset[str]) -> Flags:
    """Those flags that the user may set; the others are left out without a word (RFC 4314 section 4)."""
    bits = 0
    for right, covered in RIGHTS:
        if right in rights:
            bits |= flags.bits & covered
    return Flags(bits, flags.keywords if "w" in rights else ())
