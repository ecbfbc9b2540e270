"""Header modifiers: obeys the rules of the configuration before a message is stored."""

from __future__ import annotations

from functools import partial

from postroom.context import Context
from postroom.hookspecs import hookimpl
from postroom.mail.dkim.body import directly
from postroom.mail.envelope import Envelope
from postroom.mail.message import Message
from postroom.mail.splicing import HEAD, spliced

from .modifying import Ready
from .settings import Settings

__all__ = ["Plugin", "Settings"]

LARGE = 32 * 1024  # bytes of a header that is worked on elsewhere


class Plugin:
    """Answers ``rewrite_message``."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self.offload = context.offload
        self.rules = [Ready(rule) for rule in settings.rules]

    @hookimpl
    def rewrite_message(self, message: Message, envelope: Envelope, outgoing: bool) -> Message | None:
        """The message as the rules leave it; None when none of them changes anything, or the end of its header is not known."""
        changed = message
        for rule in self.rules if message.header_size < HEAD else ():
            run = self.offload if changed.header_size > LARGE else directly
            if run(partial(rule.holds, changed, envelope, outgoing=outgoing)):
                edit = run(rule.edit, changed)
                changed = spliced(changed, [edit]) if edit else changed
        return None if changed is message else changed
