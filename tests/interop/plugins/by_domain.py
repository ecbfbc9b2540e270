"""Routes mail for sink.test to the sender "Sink" and mail for catch.test to the sender "Catch"."""

from __future__ import annotations

from postroom import Route, ToQueue, hookimpl
from postroom.config.schema import PluginSettings

CHANNELS = {"sink.test": "Sink", "catch.test": "Catch"}


class Settings(PluginSettings):
    """There is nothing to set."""


class Plugin:
    """Answers for two domains."""

    def __init__(self, context: object, settings: Settings) -> None:
        pass

    @hookimpl(tryfirst=True)
    def route(self, address: str) -> Route | None:
        """A channel of its own for each of the domains."""
        channel = CHANNELS.get(address.rpartition("@")[2])
        return Route((ToQueue(address, channel),), (f"{channel} is near",)) if channel else None
