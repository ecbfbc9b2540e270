"""The selected mailbox of a session: what it may do there, and how it hears of what has changed (numbering.py says when)."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from postroom.store import acl
from postroom.store.snapshots import NO_MAILBOX

from .numbering import GONE, Numbering
from .opening import identifiers
from .refusals import Bye
from .telling import expunges, flag_names, flags_of_uids

if TYPE_CHECKING:
    from postroom.store.mailboxes import Folder

    from .opening import Opened
    from .session import Session


class View(Numbering):
    """The selected mailbox of one session. ``recent``: the first UID that is recent here, of which there are ``recents``."""

    __slots__ = ("_new", "_rights", "_words", "guest", "keywords", "name", "read_only", "recent", "recents")

    def __init__(self, session: Session, opened: Opened, *, read_only: bool, recent: int, recents: int) -> None:
        super().__init__(session, opened.folder)
        self.name = opened.name  # as the client named it
        self.guest = opened.folder.account_id != session.user.id and opened.folder.id != NO_MAILBOX  # in another user's mailbox
        self._rights = opened.rights
        self.read_only = read_only
        self.recent, self.recents = recent, recents
        self.keywords = opened.folder.keywords  # of the mailbox, as the client knows them
        self._new = True  # SELECT has not ended
        self._words: dict[int, str] | None = None  # of the snapshot whose keywords the client knows

    @property
    def rights(self) -> frozenset[str]:
        """What the user may do here, in letters of RFC 4314; a guest what he may do now, for it may be taken from him at any time."""
        if not self.guest:
            return self._rights
        entries = self._session.context.db.read(lambda tx: acl.entries(tx, self.folder.id))
        return acl.rights(entries, identifiers(self._session))

    def check(self) -> None:
        """Raises Bye when the user may not read here any more: before a command is obeyed, and before anything is told."""
        if self.guest and "r" not in self.rights:
            raise Bye("you may not read the selected mailbox any more")

    def updates(self, session: Session, *, expunge: bool, flags: bool = True) -> None:
        """Tell all that is pending; messages that are gone only if ``expunge``. Raises Bye when the mailbox, or the right to it, is gone.

        Without ``flags`` changes of flags stay pending (NOTIFY without FlagChange).
        """
        if self._new:
            self._new = False  # SELECT has told how it is; what has happened during it is told by the next command
            return
        self.check()
        if self._columns is None and self._glance():
            return
        self.refresh()
        if expunge and self._gone:
            self._tell_gone()
        self._tell_new()
        if flags and self._changed:
            self._tell_flags()
        self._rest()

    def _look(self) -> Folder:
        if self.folder.id == NO_MAILBOX:
            return self.folder
        folder = self._session.context.mailboxes.by_id(self.folder.id)
        if folder is None:
            raise Bye(GONE)
        return folder

    def _glance(self) -> bool:
        """At rest: whether one look at the counts of the mailbox says all. Nothing new, or one message more and nothing else."""
        now = self._look()
        if now.modseq == self._seen:
            return True
        if now.modseq - self._seen == now.uidnext - self._next == now.messages - self.exists == 1:
            self._tell_exists(1, recent=self._next >= self.recent)
            self._seen, self._next = now.modseq, now.uidnext
            return True
        return False

    def _rest(self) -> None:
        """Let go of the snapshot when nothing is pending, and the numbers alone say what the client knows."""
        if self.pending:
            return
        now = self._look()
        if (now.modseq, now.uidnext, now.messages) == (self._seen, self._next, self.exists):
            self._columns = self._uids = None

    def _tell_gone(self) -> None:
        gone = self._gone
        expunges(self._session, self.uids, gone)
        self.exists -= len(gone)
        self.recents = max(0, self.recents - len(gone) + bisect_left(gone, self.recent))
        if self.saved:  # RFC 5182 section 2.1: what is expunged leaves the saved result
            dropped = set(gone)
            self.saved = [uid for uid in self.saved if uid not in dropped]
        self._changed.difference_update(gone)
        self._gone, self._uids = [], None

    def _tell_new(self) -> None:
        columns = self.columns
        new = len(columns) - bisect_left(columns.uids, self._next)
        recent = len(columns) - bisect_left(columns.uids, max(self._next, self.recent))
        self._next = max(self._next, columns.uidnext)
        if new:
            self._uids = None
            self._tell_exists(new, recent=recent)

    def _tell_exists(self, new: int, *, recent: int) -> None:
        self.exists += new
        self.recents += recent
        self._session.send(b"* %d EXISTS\r\n" % self.exists)
        if not self._session.rev2:
            self._session.send(b"* %d RECENT\r\n" % self.recents)

    def learn(self) -> None:
        """Tell which keywords there are when somebody has used new ones: before a message is said to have them."""
        if self.columns.keywords is self._words:
            return
        self._words = self.columns.keywords
        keywords = self._look().keywords
        if keywords != self.keywords:
            self.keywords = keywords
            flag_names(self._session, self)

    def _tell_flags(self) -> None:
        flags_of_uids(self._session, self, sorted(self._changed))
        self._changed.clear()
