"""The POP3 services."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from postroom import Client, hookimpl
from postroom.context import Context
from postroom.provided import Service
from postroom.store.database import StoreUnavailable
from postroom.wire.dialogue import hold
from postroom.wire.limits import Limits
from postroom.wire.sasl import Denied
from postroom.wire.stream import Stream

from .answers import refusal
from .doors import Exchange
from .maildrop import BadNumber, Maildrop
from .session import Session
from .settings import Pop3Service, Settings

if TYPE_CHECKING:
    from postroom.store.accounts import Account

IN_USE = "[IN-USE] the maildrop is open in another session"  # RFC 2449 section 8.1.1
TOO_SOON = "[LOGIN-DELAY] logged in again too soon"
NOT_ALLOWED = "[AUTH] access not allowed"
NO_INBOX = "[SYS/PERM] the account has no INBOX"

__all__ = ["Plugin", "Settings"]


class Plugin:
    """Registers the services; each connection gets its session."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self.context, self.settings = context, settings

    @hookimpl
    def register_services(self) -> list[Service]:
        """One service for each entry of the settings."""
        return [self._service(settings) for settings in self.settings.services]

    def _service(self, settings: Pop3Service) -> Service:
        limits = Limits.of(
            settings,
            idle=settings.idle_timeout,
            idle_before_login=settings.idle_timeout,  # RFC 1939 section 3: an autologout timer of at least 10 minutes, in every state
        )

        def handle(stream: Stream, client: Client) -> None:
            doors = ServerDoors(self.context, settings, client)
            session = Session(client, settings, doors, self.context.config.server.hostname)
            if binding := stream.channel_binding():
                session.authorization.binding = dict([binding])
            with closing(doors):
                verdict = self.context.ask.verdict("client_connected", client=client)
                if verdict is not None and verdict.refuses:
                    stream.write(refusal(verdict.reply.text if verdict.reply else "not now"))
                    stream.flush()
                    return
                hold(stream, session, limits, client=client, tls=self.context.tls, on_bug=lambda error: self._bug(client, error))

        return Service(
            "POP3",
            settings,
            handle,
            limits,
            lambda words: refusal(f"[SYS/TEMP] {words}"),
        )

    def _bug(self, client: Client, error: BaseException) -> None:
        self.context.log.error("session.bug", protocol="POP3", session=client.session, exc_info=error)


class ServerDoors:
    """What a session needs of the server: authentication and the maildrop with its lock."""

    def __init__(self, context: Context, settings: Pop3Service, client: Client) -> None:
        self.context, self.settings, self.client = context, settings, client
        self._lock = ""

    def mechanisms(self, binding: dict[str, bytes]) -> list[str]:
        """The SASL mechanisms that may be used now."""
        return self.context.auth.mechanisms(self.client, self.settings, binding)

    def plain_allowed(self) -> bool:
        """Whether a password may come in clear now."""
        return self.context.auth.plain_allowed(self.client, self.settings)

    def challenge(self) -> str:
        """The APOP timestamp, "" when no account has a reversible secret or the service has no logins."""
        wanted = self.settings.auth != "off" and self.context.auth.reversible_in_use()
        return self.context.auth.challenge() if wanted else ""

    def exchange(self, mechanism: str, binding: dict[str, bytes]) -> Exchange | Denied:
        """Begin a SASL exchange."""
        return self.context.auth.start(mechanism, self.client, self.settings, binding)

    def password(self, name: str, password: str) -> object:
        """Check USER and PASS."""
        return self.context.auth.password(self.client, name, password)

    def apop(self, name: str, timestamp: str, digest: str) -> object:
        """Check APOP."""
        return self.context.auth.apop(self.client, name, timestamp, digest)

    def open(self, client: Client) -> Maildrop | str:
        """Lock and list the INBOX of the user; the words of the refusal when that cannot be."""
        account = self.context.accounts.get(client.user or "")
        if account is None:
            return NOT_ALLOWED
        delay = self.settings.login_delay
        if delay and not self.context.leases.take(f"pop3-login:{account.id}", delay):
            return TOO_SOON
        if not self._acquire(f"pop3-maildrop:{account.id}"):
            return IN_USE
        try:
            return self._maildrop(account) or NO_INBOX
        except StoreUnavailable:
            self.close()  # the client may try again in this session
            raise

    def _maildrop(self, account: Account) -> Maildrop | None:
        """What is in the INBOX now; None when there is none."""
        mailboxes = self.context.mailboxes
        inbox = mailboxes.find(account.id, "INBOX")
        if inbox is None:
            return None
        change = mailboxes.hide if self.settings.hold_deleted or account.hold else mailboxes.delete

        def remove(uids: list[int]) -> None:
            change(inbox.id, uids)
            self.context.news.publish("mailbox", mailbox=inbox.id)

        def content(uid: int) -> Iterator[bytes]:
            try:
                return mailboxes.content(inbox.id, uid)
            except KeyError:
                raise BadNumber("the message is gone, another program has deleted it") from None

        entries = [entry for entry in mailboxes.listing(inbox.id) if not entry.hidden]
        return Maildrop(inbox.uidvalidity, entries, content, remove)

    def close(self) -> None:
        """Give the maildrop back."""
        if self._lock:
            self.context.tally.leave(self._lock)
            self._lock = ""

    def _acquire(self, key: str) -> bool:
        """RFC 1939 section 4: an exclusive-access lock, shared by all workers, gone when its worker is gone."""
        if self.context.tally.enter(key) > 1:
            self.context.tally.leave(key)
            return False
        self._lock = key
        return True
