"""The sender LAN: hands each recipient's mail to the very server that its route names."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from postroom.clients.smtp.courier import Courier
from postroom.clients.smtp.faults import Strained
from postroom.clients.smtp.hop import Credentials, Encryption, NextHop
from postroom.clients.smtp.pool import Pool, SessionLimits
from postroom.credentials import UnreadableSecret
from postroom.mail.delivery import Failed, Outcome, TryLater
from postroom.mail.reply import Reply
from postroom.mail.sending import SessionBounds
from postroom.provided import Outgoing, QueuedRecipient, SendingRules
from postroom.sending.lan import LAN
from postroom.sending.via import Locker, Via
from postroom.shortage import shortage

from .settings import PORT, Settings

if TYPE_CHECKING:
    from postroom.clients.smtp.connect import Dialer
    from postroom.clients.smtp.ears import Ears
    from postroom.clients.smtp.shortages import Shortages

NO_PASSWORD = Reply(451, "4.3.5", "The login at the next server cannot be used")  # a stranger may read it: the trace says more
NO_SERVER = Failed(Reply(550, "5.3.5", "Mail for LAN forwarding names no server"))


class LanSender:
    """What the queue sees of LAN forwarding. Its connections stay in this worker's pool between messages."""

    def __init__(
        self,
        settings: Settings,
        hostname: str,
        dialer: Dialer,
        locker: Locker,
        rules: SendingRules | None = None,
        ears: Ears | None = None,
        shortages: Shortages | None = None,
    ) -> None:
        self.name, self.concurrency = LAN, settings.concurrency
        self.settings, self.helo, self.locker = settings, settings.helo or hostname, locker
        logins = [rule.rule().server for rule in settings.rules if rule.username]
        self._present = {(server.place, server.username): server for server in logins}  # what is queued may hold an older password
        self.rules, self.bounds = rules or SendingRules(), settings.bounds
        self.timeouts = settings.timeouts.timeouts()
        self.pool = Pool(limited(settings.bounds), time.monotonic)
        self.courier = Courier(dialer, self.pool, time.monotonic, ears, shortages)

    def site(self, address: str, via: str = "") -> str:
        """Recipients of one server with one login go together."""
        try:
            server = Via.parse(via).server
        except ValueError:
            return via  # ``send`` will say what is wrong
        return f"{server.username}@{server.place}" if server.username else server.place

    def send(self, outgoing: Outgoing) -> Mapping[int, Outcome]:
        """An outcome for every recipient id."""
        outcomes: dict[int, Outcome] = {}
        for (via, path), recipients in self._groups(outgoing, outcomes).items():
            part = replace(outgoing, recipients=tuple(recipients), return_path=path)
            outcomes |= self.courier.deliver(part, [self.hop(via)])
        return outcomes

    def _groups(self, outgoing: Outgoing, outcomes: dict[int, Outcome]) -> dict[tuple[Via, str | None], list[QueuedRecipient]]:
        """The recipients that share a server and a return path; those of whom no server can be made out have their outcome."""
        groups: dict[tuple[Via, str | None], list[QueuedRecipient]] = {}
        for one in outgoing.recipients:
            try:
                via = self._readable(one.via)
            except ValueError:
                outcomes[one.id] = NO_SERVER
            except (UnreadableSecret, OSError) as error:
                outcomes[one.id] = self._without_password(one, error)
            else:
                path = via.return_path if outgoing.return_path is None else outgoing.return_path  # the queue has asked the plugins
                groups.setdefault((via, path), []).append(one)
        return groups

    def _without_password(self, one: QueuedRecipient, error: Exception) -> TryLater | Failed:
        if (lack := shortage()) is not None:  # the file with the key could not be opened
            self.courier.shortages.met(str(error))
            return Strained.by(lack).outcome()
        return TryLater(NO_PASSWORD, kind="login", how=f"the password for {self.site('', one.via)}: {error}")

    def _readable(self, text: str) -> Via:
        """The server with its password: that of the rules, where they have the same login. Raises ValueError, UnreadableSecret."""
        via = Via.parse(text)
        present = self._present.get((via.server.place, via.server.username))
        return self.locker.unlock(text) if present is None else replace(via, server=present)

    def hop(self, via: Via) -> NextHop:
        """How to reach a server."""
        server, settings = via.server, self.settings
        login = Credentials(server.username, server.password, allow_plaintext=settings.allow_plaintext_auth) if server.username else None
        return NextHop(
            host=server.host,
            port=server.port or PORT,
            encryption=Encryption(settings.encryption),
            verify=settings.verify,
            ca=settings.ca,
            helo=self.helo,
            credentials=login,
            timeouts=self.timeouts,
            settings="the section lan_forwarding",
        )

    def explain(self, outgoing: Outgoing) -> list[str]:
        """How mail for one recipient leaves, for ``postroom explain``."""
        settings = self.settings
        security = {"none": "without encryption", "starttls": "only with STARTTLS"}.get(
            settings.encryption, "with STARTTLS if it is offered"
        )
        checked = "" if settings.encryption == "none" or not settings.verify else ", and its certificate must be valid"
        try:
            found = Via.parse(outgoing.recipients[0].via)
        except ValueError:
            return ["the server that the route names cannot be read"]
        login = f", logged in as {found.server.username}" if found.server.username else ""
        lines = [f"handed to {found.server.host}, port {found.server.port or PORT}, {security}{checked}{login}"]
        if found.return_path is not None:
            lines.append(f"return path <{found.return_path}>")
        return lines

    def start(self, bounds: SessionBounds | None) -> None:
        """Mail again: how much one connection may carry from now on."""
        if bounds is not None:
            self.pool.limits = limited(bounds)

    def idle(self) -> None:
        """Close connections that have been unused for long."""
        self.pool.close_idle()

    def close(self) -> None:
        """Close all connections; those in use follow after their message."""
        self.pool.close()


def limited(bounds: SessionBounds) -> SessionLimits:
    """How much one connection may carry."""
    return SessionLimits(bounds.messages, bounds.recipients, bounds.recipients_per_message)
