"""Every command of IMAP, in a file of its own; ``COMMANDS`` is the table of them all."""

from __future__ import annotations

from .append import APPEND
from .authenticate import AUTHENTICATE
from .capability import CAPABILITY
from .command import ANY, AUTHENTICATED, LOGGED_IN, NOT_AUTHENTICATED, SELECTED, Command
from .compress import COMPRESS
from .enable import ENABLE
from .id import ID
from .idle import IDLE
from .language import LANGUAGE
from .login import LOGIN
from .logout import LOGOUT
from .noop import NOOP
from .select import EXAMINE, SELECT
from .starttls import STARTTLS
from .unauthenticate import UNAUTHENTICATE

ALL: tuple[Command, ...] = (
    # in any state
    CAPABILITY,
    NOOP,
    LOGOUT,
    ID,
    LANGUAGE,
    # before the login
    STARTTLS,
    AUTHENTICATE,
    LOGIN,
    # after the login
    ENABLE,
    IDLE,
    COMPRESS,
    UNAUTHENTICATE,
    # after it
    SELECT,
    EXAMINE,
    APPEND,
)

COMMANDS: dict[bytes, Command] = {command.name: command for command in ALL}

__all__ = ["ANY", "AUTHENTICATED", "COMMANDS", "LOGGED_IN", "NOT_AUTHENTICATED", "SELECTED", "Command"]
