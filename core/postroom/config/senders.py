"""The settings that every sender has, whichever plugin provides it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from ..mail.sending import SessionBounds
from .section import Location, Section
from .sending import FilterRules
from .types import Duration, Name, RetrySchedule, Size

ClientEncryption = Literal["none", "starttls-if-available", "starttls", "starttls-required", "tls"]  # of senders; "starttls" means required
LONGEST_RATE = 31 * 86400.0  # seconds: what has left is remembered for so long
EHLO_NAME = r"^[A-Za-z0-9.:_\[\]-]{1,255}$"


class RetrySettings(Section):
    """When a sender tries again; what is left out is as in the section ``queue``."""

    schedule: RetrySchedule | None = Field(None, description="Waiting times between attempts; the last repeats until give_up.")
    unreachable: RetrySchedule | None = Field(
        None, description="The same while the other server cannot be reached, looked up or agreed with."
    )
    warn_after: Duration | None = Field(None, description="The sender of a message hears of a delay after this time.")
    give_up: Duration | None = Field(None, description="The sender of a message gets it back after this time.")


class RateSettings(Section):
    """So much may leave in any such time, over all workers and across restarts."""

    messages: int | None = Field(None, ge=1, description="Messages at most; one that goes out in several parts counts as several.")
    recipients: int | None = Field(None, ge=1, description="Recipients at most.")
    per: Duration = Field(3600.0, description="The time, 31 days at most.")

    def checks(self) -> Iterator[tuple[Location, str]]:
        """A rate limits something."""
        if self.messages is None and self.recipients is None:
            yield (), "messages, recipients or both are expected"
        if self.per > LONGEST_RATE:
            yield ("per",), "must be at most 31d"


class SenderSettings(Section):
    """One way out of a plugin that sends; plugins add their own settings to it."""

    name: Name = Field(description="Your name for it; connections refer to it.")
    helo: str | None = Field(None, pattern=EHLO_NAME, description="The name in EHLO; null takes server.hostname.")
    concurrency: int = Field(10, ge=1, le=1000, description="Connections at the same time, in each worker.")
    max_messages_per_session: int = Field(1000, ge=1, description="Then the connection is closed and another one opened.")
    max_recipients_per_message: int = Field(100, ge=1, description="A message for more is sent several times.")
    max_recipients_per_session: int = Field(10_000, ge=1, description="Then the connection is closed and another one opened.")
    leave_rest: bool = Field(False, description="A run of a connection ends there too, and what is left waits for the next run.")
    max_message_size: Size | None = Field(None, description="Larger messages are not sent this way; null takes any.")
    rate: RateSettings | None = Field(None, description="How much may leave in a time; what is over it waits.")
    only_waiting: bool = Field(False, description="A run of a connection sends what waits at its start, and not what comes meanwhile.")
    smaller_first: bool = Field(False, description="Smaller messages before larger ones, instead of older before newer ones.")
    reverse_order: bool = Field(False, description="Newest first, or with smaller_first the largest first.")
    retry: RetrySettings = Field(default_factory=RetrySettings, description="When to try again.")
    domain_filter: FilterRules | None = Field(None, description="Which mail it takes, as lines of rules; null takes everything.")
    wait_for_login: bool = Field(False, description="Send only after a collector of the connection has logged in (POP3 before SMTP).")

    @property
    def bounds(self) -> SessionBounds:
        """How much one connection carries."""
        return SessionBounds(
            self.max_messages_per_session, self.max_recipients_per_session, self.max_recipients_per_message, self.leave_rest
        )
