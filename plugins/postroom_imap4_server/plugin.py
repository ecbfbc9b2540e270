"""The IMAP4 services."""

from __future__ import annotations

from functools import partial
from typing import get_args

from postroom import Client, hookimpl
from postroom.config.schema import Encryption
from postroom.context import Context
from postroom.provided import Job, Service
from postroom.wire.stream import Stream

from . import connection
from .digesting import Digesting
from .limits import ImapLimits
from .refusals import Bye
from .settings import Imap4Service, Settings
from .watching import Watching

__all__ = ["Plugin", "Settings"]

ENCRYPTIONS: tuple[str, ...] = get_args(Encryption)


class Plugin:
    """Registers the services; each connection gets its session. ``watching``: whom to wake when a mailbox changes."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self.context, self.settings = context, settings
        self.watching = Watching(context)
        self.digesting = Digesting(context)

    @hookimpl
    def register_services(self) -> list[Service]:
        """One service for each entry of the settings."""
        return [self._service(settings) for settings in self.settings.services]

    @hookimpl
    def register_jobs(self) -> list[Job]:
        """New messages are digested, by one worker of all."""
        return [self.digesting.job]

    @hookimpl
    def worker_started(self) -> None:
        """Look for changes now and then, in case that news get lost."""
        self.watching.start()

    @hookimpl
    def worker_stopping(self) -> None:
        """Look no more."""
        self.watching.stop()

    def _service(self, settings: Imap4Service) -> Service:
        limits = ImapLimits.of(
            settings,
            message=settings.max_message_size,
            idle=settings.idle_timeout,
            idle_before_login=settings.login_timeout,
            idle_in_idle=settings.idle_timeout,
        )
        return Service("IMAP4", settings, partial(self._serve, settings, limits), limits, refuse, partial(self._encryption, settings))

    def _encryption(self, settings: Imap4Service, client: Client) -> str:
        """As configured, unless a plugin wants it otherwise for this client."""
        chosen = self.context.ask.transform("connection_encryption", "encryption", settings.encryption, client=client)
        return chosen if chosen in ENCRYPTIONS else settings.encryption

    def _serve(self, settings: Imap4Service, limits: ImapLimits, stream: Stream, client: Client) -> None:
        client.encryption = client.encryption or self._encryption(settings, client)  # empty where nothing listens (tests)
        end = connection.serve(self.context, settings, limits, self.watching, stream, client)
        self.context.log.debug("imap.ended", session=client.session, address=client.address, end=end.value)


def refuse(words: str) -> bytes:
    """What a client hears that cannot be served at all (too many connections)."""
    return Bye(words, "UNAVAILABLE").line(b"*")
