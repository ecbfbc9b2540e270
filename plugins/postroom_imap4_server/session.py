"""One client's IMAP session: who it is, what it has enabled, which mailbox it has selected. Commands work on it; no socket here."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from gevent import getcurrent

from postroom.store.database import StoreUnavailable

from .commands.command import AUTHENTICATED, NOT_AUTHENTICATED, SELECTED
from .refusals import Bad

if TYPE_CHECKING:
    from postroom import Client, TlsDetails
    from postroom.context import Context
    from postroom.store.accounts import Account

    from .limits import ImapLimits
    from .notifying import Notifying
    from .settings import Imap4Service
    from .view import View
    from .watching import Watching


class Output(Protocol):
    """Where answers go, and where a command that talks on hears the client: the connection, or a test.

    ``midway`` must be True while a response is begun and not complete (a literal is being sent in pieces): an exception that ends the
    command there cuts the connection, because whatever else was said would be taken for a part of the literal.
    """

    midway: bool

    def write(self, data: bytes) -> None:
        """Gather bytes; waits when much has gathered and the client does not take it. Raises what the stream raises."""

    def flush(self) -> None:
        """Send what has gathered."""

    def breathe(self) -> None:
        """Let other sessions run: to be called now and then in long answers."""

    def ask(self, prompt: bytes) -> bytes:
        """Send a line that begins with "+ " and read the line that the client answers (SASL)."""

    def listen(self) -> bytes | None:
        """Wait for a line of the client in IDLE; None when ``wake`` was called. Raises what the stream raises."""

    def wake(self) -> None:
        """From another greenlet: end the wait for a line."""

    def start_tls(self) -> TlsDetails:
        """Handshake, after what has gathered is sent; all that the client has sent before is dropped. Raises HandshakeFailed."""

    def compress(self) -> None:
        """Compress from here on, in both directions, after what has gathered is sent."""

    def binding(self) -> dict[str, bytes]:
        """The channel binding of this connection for SASL: type -> data; {} without TLS."""


class Session:
    """The state of one connection. ``view`` is the selected mailbox."""

    __slots__ = (
        "account", "claims", "client", "compressed", "condstore", "context", "failures", "greenlet", "language", "limits", "notify", "out",
        "qresync", "rev2", "settings", "then", "uidonly", "utf8", "view", "watching",
    )  # fmt: skip

    def __init__(self, context: Context, settings: Imap4Service, limits: ImapLimits, client: Client, out: Output) -> None:
        self.context, self.settings, self.limits, self.client, self.out = context, settings, limits, client, out
        self.watching: Watching | None = None  # who wakes us; None in tests that need nobody
        self.greenlet = getcurrent()  # what runs our commands
        self.failures = 0  # logins that have failed
        self.claims: tuple[str, ...] = ()  # what the login counts for in context.tally
        self.then: Callable[[], object] | None = None  # to be done once, after the tagged answer is sent
        self.compressed = False  # RFC 4978
        self._begin()

    def _begin(self) -> None:
        """As every session begins, and begins anew after UNAUTHENTICATE."""
        self.account: Account | None = None
        self.view: View | None = None
        # what the client has enabled (RFC 5161)
        self.rev2 = False  # IMAP4rev2: no RECENT, ESEARCH always, UTF-8 names
        self.utf8 = False  # UTF8=ACCEPT or IMAP4rev2: UTF-8 in quoted strings and mailbox names
        self.condstore = False  # MODSEQ is told with flags (RFC 7162)
        self.qresync = False  # VANISHED instead of EXPUNGE (RFC 7162)
        self.uidonly = False  # no message numbers at all (RFC 9586)
        self.language = "i-default"  # RFC 5255
        self.notify: Notifying | None = None  # what NOTIFY asks for (RFC 5465)

    @property
    def state(self) -> int:
        """NOT_AUTHENTICATED, AUTHENTICATED or SELECTED."""
        if self.account is None:
            return NOT_AUTHENTICATED
        return AUTHENTICATED if self.view is None else SELECTED

    @property
    def user(self) -> Account:
        """Who has logged in; only for commands that need a login."""
        assert self.account is not None
        return self.account

    @property
    def selected(self) -> View:
        """The selected mailbox. Raises Bad when there is none."""
        if self.view is None:
            raise Bad("no mailbox is selected")
        return self.view

    def check_numbers(self, *, uid: bool) -> None:
        """Raises Bad for a command by message numbers, not UIDs, once the client has given them up."""
        if self.uidonly and not uid:
            raise Bad("message numbers cannot be used after ENABLE UIDONLY", "UIDREQUIRED")  # RFC 9586 section 3

    def send(self, data: bytes) -> None:
        """Send untagged data, CRLF included."""
        self.out.write(data)

    def untagged(self, text: str) -> None:
        """Send one untagged line of text."""
        self.out.write(b"* %s\r\n" % text.encode("utf-8", "replace"))

    def enable_condstore(self) -> None:
        """From now on modseqs are told with flags; the first time say which the selected mailbox has (RFC 7162 section 3.1)."""
        if not self.condstore:
            self.condstore = True
            if self.view is not None:
                self.untagged(f"OK [HIGHESTMODSEQ {self.view.known}] All changes up to it have been told")

    def tell(self, expunges: bool) -> None:
        """Send what has changed in the selected mailbox, and what NOTIFY asks for. Raises StoreUnavailable."""
        if self.notify is not None:
            self.notify.tell(self, expunges=expunges)
        elif self.view is not None:
            self.view.updates(self, expunge=expunges)

    def observe(self, *, idling: bool = False) -> None:
        """Have ourselves woken by what this session is to be told of now, and by nothing else."""
        if self.watching is None:
            return
        mailboxes: set[int] = set()
        accounts: set[int] = set()
        if self.view is not None and (idling or (self.notify is not None and self.notify.immediate)):
            mailboxes.add(self.view.folder.id)
        if self.notify is not None:
            mailboxes |= self.notify.mailboxes
            accounts |= self.notify.accounts(self)
        if mailboxes or accounts:
            self.watching.watch(self, mailboxes, accounts)
        else:
            self.watching.forget(self)

    def woken_by(self, kind: str, number: int) -> None:
        """A mailbox ("mailbox") or the folders of an account ("account") have changed: called where the news are heard."""
        mine = getcurrent() is self.greenlet
        if self.notify is not None:
            self.notify.heard(kind, number, mine=mine)
        if not mine:  # what we change ourselves is told after the command anyway
            self.out.wake()

    def annotated(self, mailbox_id: int, entries: Iterable[str]) -> None:
        """Entries of a mailbox (of the server when 0) have changed that this user may see: called where the news are heard."""
        if self.notify is not None and getcurrent() is not self.greenlet:
            self.notify.annotated(mailbox_id, entries)
            self.out.wake()

    def woken(self) -> None:
        """Between two commands: only who has asked for it by NOTIFY is told something there (RFC 5465 section 1)."""
        if self.notify is not None:
            with contextlib.suppress(StoreUnavailable):  # then it is told later
                self.notify.tell_between(self)

    def close(self) -> None:
        """The connection is over, or its login: give back what that has taken."""
        if self.watching is not None:
            self.watching.forget(self)
        for claim in self.claims:
            self.context.tally.leave(claim)
        self.claims = ()

    def reset(self) -> None:
        """Back to before the login (RFC 8437); TLS and compression stay."""
        self.close()
        self.client.user = None
        self._begin()

    def changed(self, *mailbox_ids: int) -> None:
        """Tell everybody that messages of these mailboxes have changed (after the commit)."""
        for mailbox_id in mailbox_ids:
            self.context.news.publish("mailbox", mailbox=mailbox_id)
