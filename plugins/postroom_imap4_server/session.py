"""One client's IMAP session: who it is, what it has enabled, which mailbox it has selected. Commands work on it; no socket here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .commands.command import AUTHENTICATED, NOT_AUTHENTICATED, SELECTED
from .refusals import Bad

if TYPE_CHECKING:
    from postroom import Client
    from postroom.context import Context
    from postroom.store.accounts import Account

    from .limits import ImapLimits
    from .settings import Imap4Service
    from .view import View


class Output(Protocol):
    """Where answers go: the connection, or a test."""

    def write(self, data: bytes) -> None:
        """Gather bytes; waits when much has gathered and the client does not take it. Raises what the stream raises."""

    def flush(self) -> None:
        """Send what has gathered."""

    def breathe(self) -> None:
        """Let other sessions run: to be called now and then in long answers."""


class Session:
    """The state of one connection. ``view`` is the selected mailbox."""

    __slots__ = (
        "account", "client", "compressed", "condstore", "context", "language", "limits", "notify", "out", "qresync", "rev2", "settings",
        "uidonly", "utf8", "view",
    )  # fmt: skip

    def __init__(self, context: Context, settings: Imap4Service, limits: ImapLimits, client: Client, out: Output) -> None:
        self.context, self.settings, self.limits, self.client, self.out = context, settings, limits, client, out
        self.account: Account | None = None
        self.view: View | None = None
        # what the client has enabled (RFC 5161)
        self.rev2 = False  # IMAP4rev2: no RECENT, ESEARCH always, UTF-8 names
        self.utf8 = False  # UTF8=ACCEPT or IMAP4rev2: UTF-8 in quoted strings and mailbox names
        self.condstore = False  # MODSEQ is told with flags (RFC 7162)
        self.qresync = False  # VANISHED instead of EXPUNGE (RFC 7162)
        self.uidonly = False  # no message numbers at all (RFC 9586)
        self.compressed = False  # RFC 4978
        self.language = "i-default"  # RFC 5255
        self.notify: object | None = None  # what NOTIFY asks for (RFC 5465)

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

    def send(self, data: bytes) -> None:
        """Send untagged data, CRLF included."""
        self.out.write(data)

    def untagged(self, text: str) -> None:
        """Send one untagged line of text."""
        self.out.write(b"* %s\r\n" % text.encode("utf-8", "replace"))

    def changed(self, *mailbox_ids: int) -> None:
        """Tell everybody that messages of these mailboxes have changed (after the commit)."""
        for mailbox_id in mailbox_ids:
            self.context.news.publish("mailbox", mailbox=mailbox_id)
