"""DKIM and ARC: asked for header lines when a message enters the outgoing queue."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from postroom.context import Context
from postroom.credentials import Vault
from postroom.hookspecs import hookimpl
from postroom.mail.envelope import Envelope
from postroom.mail.message import Message
from postroom.mail.splicing import HEAD
from postroom.provided import Job
from postroom.store.signing_keys import SigningKeys

from .lookups import Lookups
from .rotation import EVERY, activate_published
from .settings import Settings
from .signer import Signer

__all__ = ["Plugin", "Settings"]


class Plugin:
    """Signs the mail of this server; seals what others have sent and what goes on from here."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self.context, self.settings = context, settings
        config = context.config
        self.keys = SigningKeys(context.db, Vault(config.server.data_dir))
        self.signer = Signer(
            self.keys, settings, config.server.hostname, config.domains.default, time.time, context.offload, context.log
        )  # fmt: skip

    @hookimpl
    def sign_message(self, message: Message, envelope: Envelope, original: Message) -> Sequence[bytes] | None:
        """Signatures for mail from here. Mail of strangers is never signed, whatever its From says: that would vouch for a forgery."""
        if message.header_size >= HEAD:  # its end is not known, so nothing true could be said of it
            return None
        if envelope.local_origin or envelope.user is not None:
            return self.signer.sign(message, envelope)
        return self.signer.seal(message, original, envelope, Lookups(self.context.dns)) if self.settings.arc else None

    @hookimpl
    def register_jobs(self) -> list[Job]:
        """Look whether new keys are in the DNS."""
        look = partial(self.context.dns.txt, fresh=True)
        return [Job("dkim-rotation", EVERY, lambda: activate_published(self.keys, look, self.context.log))]
