"""Header modifiers: obeys the rules of the configuration before a message is stored."""

from __future__ import annotations

from postroom.context import Context
from postroom.hookspecs import hookimpl
from postroom.mail.envelope import Envelope
from postroom.mail.message import Message
from postroom.mail.splicing import spliced

from .modifying import Ready
from .settings import Settings

__all__ = ["Plugin", "Settings"]


class Plugin:
    """Answers ``rewrite_message``."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self.rules = [Ready(rule) for rule in settings.rules]

    @hookimpl
    def rewrite_message(self, message: Message, envelope: Envelope, outgoing: bool) -> Message | None:
        """The message as the rules leave it; None when none of them changes anything."""
        changed = message
        for rule in self.rules:
            if rule.holds(changed, envelope, outgoing=outgoing):
                edits = rule.edits(changed)
                changed = spliced(changed, edits) if edits else changed
        return None if changed is message else changed
