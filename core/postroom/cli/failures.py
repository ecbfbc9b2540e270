"""Turns whatever went wrong into lines for people; which exceptions have a friendly text stands in one table."""

from __future__ import annotations

from collections.abc import Callable

INTERNAL = "this should not have happened; run the command again with --debug and report what it prints"


class Failure(Exception):
    """The command cannot do what was asked; the text says why and what to do."""


def lines(error: Exception) -> list[str]:
    """What to print for an error that ended a command."""
    for kinds, text in _known():
        if isinstance(error, kinds):
            return [" ".join(line.split()) for line in text(error)]  # a database's words may have several lines
    return [f"postroom: {type(error).__name__}: {str(error) or 'no details'} ({INTERNAL})"]


def _known() -> list[tuple[tuple[type[Exception], ...], Callable[[Exception], list[str]]]]:
    """Imported only now: an error is rare, and `postroom --help` must be quick."""
    from ..binding import CannotListen
    from ..config.load import ConfigError
    from ..credentials import UnreadableSecret
    from ..discovery import PluginError
    from ..serving import CannotServe
    from ..store.changes import BadName
    from ..store.database import Conflict, StoreUnavailable
    from ..store.migrate import SchemaNewer

    plain = (Failure, BadName, Conflict, PluginError, SchemaNewer, CannotListen, CannotServe, UnreadableSecret)
    return [
        ((ConfigError,), lambda error: str(error).splitlines()),
        ((StoreUnavailable,), lambda error: [f"postroom: the database is not available: {error} (see database.url in the configuration)"]),
        (plain, lambda error: [f"postroom: {error}"]),
        ((OSError,), lambda error: [f"postroom: {error}"]),
    ]
