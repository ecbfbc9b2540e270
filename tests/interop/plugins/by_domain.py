"""Routes mail for some domains each to a sender of its own: sink.test to "Sink" and catch.test to "Catch", unless told otherwise."""

from __future__ import annotations

from pydantic import Field

from postroom import Route, ToQueue, hookimpl
from postroom.config.schema import PluginSettings


class Settings(PluginSettings):
    """Senders by domains."""

    channels: dict[str, str] = Field({"sink.test": "Sink", "catch.test": "Catch"}, description="Which sender has which domain.")


class Plugin:
    """Answers for these domains."""

    def __init__(self, context: object, settings: Settings) -> None:
        self.channels = settings.channels

    @hookimpl(tryfirst=True)
    def route(self, address: str) -> Route | None:
        """A channel of its own for each of the domains."""
        channel = self.channels.get(address.rpartition("@")[2])
        return Route((ToQueue(address, channel),), (f"{channel} is near",)) if channel else None
