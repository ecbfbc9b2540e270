"""Every command of IMAP, in a file of its own; ``COMMANDS`` is the table of them all."""

from __future__ import annotations

from .capability import CAPABILITY
from .command import ANY, AUTHENTICATED, LOGGED_IN, NOT_AUTHENTICATED, SELECTED, Command
from .login import LOGIN
from .logout import LOGOUT
from .noop import NOOP

ALL: tuple[Command, ...] = (
    # in any state
    CAPABILITY,
    NOOP,
    LOGOUT,
    # before the login
    LOGIN,
)

COMMANDS: dict[bytes, Command] = {command.name: command for command in ALL}

__all__ = ["ANY", "AUTHENTICATED", "COMMANDS", "LOGGED_IN", "NOT_AUTHENTICATED", "SELECTED", "Command"]
