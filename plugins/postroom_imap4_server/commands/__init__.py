"""Every command of IMAP, in a file of its own; ``COMMANDS`` is the table of them all."""

from __future__ import annotations

from .command import ANY, AUTHENTICATED, LOGGED_IN, NOT_AUTHENTICATED, SELECTED, Command

ALL: tuple[Command, ...] = ()

COMMANDS: dict[bytes, Command] = {command.name: command for command in ALL}

__all__ = ["ANY", "AUTHENTICATED", "COMMANDS", "LOGGED_IN", "NOT_AUTHENTICATED", "SELECTED", "Command"]
