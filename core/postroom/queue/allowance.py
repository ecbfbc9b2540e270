"""How much a run of a connection may still carry, when what one session of its sender does not take is to wait for the next run."""

from __future__ import annotations

from dataclasses import dataclass

from ..mail.sending import SessionBounds


@dataclass(slots=True)
class Allowance:
    """What is left of it. A message to the server is as many recipients as go together."""

    messages: int
    recipients: int
    per_message: int

    @classmethod
    def of(cls, bounds: SessionBounds) -> Allowance:
        """What one session carries."""
        return cls(bounds.messages, bounds.recipients, bounds.recipients_per_message)

    @property
    def spent(self) -> bool:
        """True when nothing more may go."""
        return self.messages <= 0 or self.recipients <= 0

    def take(self, recipients: int) -> int:
        """How many of so many recipients of one message may go; these are counted."""
        count = max(0, min(recipients, self.recipients, self.messages * self.per_message))
        self._add(-count)
        return count

    def give_back(self, recipients: int) -> None:
        """So many of one message were taken, and none was offered to a server."""
        self._add(recipients)

    def _add(self, recipients: int) -> None:
        messages = -(-abs(recipients) // self.per_message)
        self.messages += messages if recipients > 0 else -messages
        self.recipients += recipients
