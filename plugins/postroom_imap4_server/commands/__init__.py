"""Every command of IMAP, in a file of its own; ``COMMANDS`` is the table of them all."""

from __future__ import annotations

from .append import APPEND
from .authenticate import AUTHENTICATE
from .capability import CAPABILITY
from .check import CHECK
from .close import CLOSE
from .command import ANY, AUTHENTICATED, LOGGED_IN, NOT_AUTHENTICATED, SELECTED, Command
from .compress import COMPRESS
from .copy import COPY, UID_COPY
from .enable import ENABLE
from .expunge import EXPUNGE, UID_EXPUNGE
from .id import ID
from .idle import IDLE
from .language import LANGUAGE
from .login import LOGIN
from .logout import LOGOUT
from .move import MOVE, UID_MOVE
from .noop import NOOP
from .replace import REPLACE, UID_REPLACE
from .select import EXAMINE, SELECT
from .starttls import STARTTLS
from .store import STORE, UID_STORE
from .unauthenticate import UNAUTHENTICATE
from .unselect import UNSELECT

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
    # in a selected mailbox
    CLOSE,
    UNSELECT,
    CHECK,
    EXPUNGE,
    UID_EXPUNGE,
    STORE,
    UID_STORE,
    COPY,
    UID_COPY,
    MOVE,
    UID_MOVE,
    APPEND,
    REPLACE,
    UID_REPLACE,
)

COMMANDS: dict[bytes, Command] = {command.name: command for command in ALL}

__all__ = ["ANY", "AUTHENTICATED", "COMMANDS", "LOGGED_IN", "NOT_AUTHENTICATED", "SELECTED", "Command"]
