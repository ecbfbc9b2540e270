"""The ways to the outside that ``config.yaml`` lists."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from pydantic import Field

from .section import Location, Section
from .types import Duration, Name


class ConnectionSettings(Section):
    """One way to the outside; at most one run of it is under way at any time."""

    name: Name = Field(description="Your name for it; the schedule and commands use it.")
    sender: str | None = Field(None, description="The sender that mail leaves by, named in a plugin's section; null sends nothing.")
    collectors: list[str] = Field([], description="Collectors to run, in order.")
    collect_timeout: Duration = Field(
        1800.0, gt=0, description="How long each collector may take; then it is broken off, and the next runs."
    )
    default: bool = Field(False, description="One of those that `default` means in the schedule and in commands; asked for mail first.")
    immediate: bool = Field(False, description="A permanent line: mail leaves as soon as it is queued; else it waits for the schedule.")
    when_queued: int | None = Field(None, ge=1, description="Run it once so many messages wait; null waits for the schedule.")
    when_urgent: bool = Field(False, description="Run it when a message is queued whose header says that it is urgent.")
    before: str | None = Field(None, min_length=1, description="A command to run before (dial); when it fails, the connection is not run.")
    after: str | None = Field(None, min_length=1, description="A command to run after (hang up), also when something failed.")
    dial_timeout: Duration = Field(120.0, gt=0, description="How long each of the two commands may take.")
    dial_retries: int = Field(2, ge=0, le=100, description="How often a failed command before is tried again.")
    dial_interval: Duration = Field(30.0, description="The time between two tries of the command before.")

    def checks(self) -> Iterator[tuple[Location, str]]:
        """What goes together, and commands that can be run."""
        if self.immediate:
            for key in ("when_queued", "when_urgent", "before", "after"):
                if getattr(self, key):
                    yield (key,), "goes with immediate: false: mail leaves at once on a permanent line"
        for key in ("immediate", "when_queued", "when_urgent") if self.sender is None else ():
            if getattr(self, key):
                yield (key,), "goes with a sender: without one no mail leaves by this connection"
        for key in ("before", "after"):
            try:
                shlex.split(getattr(self, key) or "")
            except ValueError as error:
                yield (key,), f"cannot be read as a command: {error}"
