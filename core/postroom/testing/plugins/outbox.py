"""A way out for tests: takes what leaves, or answers by a script. The plugin ``outbox`` of a ``Miniature``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from postroom import Delivered, Outcome, hookimpl
from postroom.config.schema import PluginSettings
from postroom.context import Context
from postroom.mail.sending import SessionBounds
from postroom.provided import Outgoing, SendingRules

NAME = "Outbox"
TAKEN = Delivered("250 2.0.0 taken", "outbox")


class Settings(PluginSettings):
    """The outbox has nothing to set."""

    def sender_names(self) -> list[str]:
        """Its one sender."""
        return [NAME]


@dataclass(frozen=True)
class Sent:
    """One recipient's copy that has left."""

    sender: str  # as MAIL FROM says it
    recipient: str
    data: bytes


class Outbox:
    """``answers``: by address, the outcomes of the attempts in turn (the last repeats). Everything else is delivered."""

    name, concurrency = NAME, 10
    bounds = SessionBounds(1000, 10_000, 100)

    def __init__(self) -> None:
        self.rules = SendingRules()
        self.answers: dict[str, list[Outcome]] = {}
        self.sent: list[Sent] = []
        self.attempts = 0

    def site(self, address: str, via: str = "") -> str:
        """All recipients of a message share a transaction."""
        return ""

    def send(self, outgoing: Outgoing) -> dict[int, Outcome]:
        """Take it, or answer as ``answers`` says."""
        self.attempts += 1
        return {one.id: self._outcome(outgoing, one.address) for one in outgoing.recipients}

    def start(self, bounds: SessionBounds | None) -> None:
        """Nothing to prepare."""

    def idle(self) -> None:
        """Nothing is open that could be closed."""

    def _outcome(self, outgoing: Outgoing, address: str) -> Outcome:
        answers = self.answers.get(address, [TAKEN])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Delivered):
            self.sent.append(Sent(outgoing.mail_from, address, b"".join(outgoing.chunks())))
        return answer


class Plugin:
    """Provides the outbox."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self.outbox = Outbox()

    @hookimpl
    def register_senders(self) -> Sequence[Outbox]:
        """The one sender."""
        return [self.outbox]
