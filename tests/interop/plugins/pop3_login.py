"""A collector that logs in to a POP3 server and fetches nothing: what POP3 before SMTP needs."""

from __future__ import annotations

import poplib
from collections.abc import Callable, Sequence
from pathlib import Path

from postroom import hookimpl
from postroom.config.schema import PluginSettings


class Settings(PluginSettings):
    """Where and as whom."""

    port: int
    user: str
    password_file: Path  # read before each login

    def collector_names(self) -> list[str]:
        """The one there is."""
        return ["Login"]


class Login:
    """The collector."""

    name = "Login"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def collect(self, logged_in: Callable[[], None]) -> None:
        """Log in and leave."""
        box = poplib.POP3("127.0.0.1", self.settings.port, timeout=20)
        try:
            box.user(self.settings.user)
            box.pass_(self.settings.password_file.read_text())
            logged_in()
        finally:
            box.quit()


class Plugin:
    """Provides it."""

    def __init__(self, context: object, settings: Settings) -> None:
        self.login = Login(settings)

    @hookimpl
    def register_collectors(self) -> Sequence[Login]:
        """The collector."""
        return (self.login,)
