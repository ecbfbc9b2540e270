"""The plugin ``smtp_server``: registers the SMTP services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from postroom import hookimpl
from postroom.provided import Service

from . import service
from .settings import Settings

if TYPE_CHECKING:
    from postroom.context import Context

__all__ = ["Plugin", "Settings"]


class Plugin:
    """The SMTP services of one worker."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self._context, self._settings = context, settings

    @hookimpl
    def register_services(self) -> Sequence[Service]:
        """The services of the configuration."""
        return [service.make(self._context, settings) for settings in self._settings.services]
