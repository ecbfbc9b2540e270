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
from .create import CREATE
from .delete import DELETE
from .deleteacl import DELETEACL
from .enable import ENABLE
from .esearch import ESEARCH
from .expunge import EXPUNGE, UID_EXPUNGE
from .fetch import FETCH, UID_FETCH
from .getacl import GETACL
from .getmetadata import GETMETADATA
from .getquota import GETQUOTA
from .getquotaroot import GETQUOTAROOT
from .id import ID
from .idle import IDLE
from .language import LANGUAGE
from .list import LIST
from .listrights import LISTRIGHTS
from .login import LOGIN
from .logout import LOGOUT
from .lsub import LSUB
from .move import MOVE, UID_MOVE
from .myrights import MYRIGHTS
from .namespace import NAMESPACE
from .noop import NOOP
from .notify import NOTIFY
from .rename import RENAME
from .replace import REPLACE, UID_REPLACE
from .search import SEARCH, UID_SEARCH
from .select import EXAMINE, SELECT
from .setacl import SETACL
from .setmetadata import SETMETADATA
from .setquota import SETQUOTA
from .sort import SORT, UID_SORT
from .starttls import STARTTLS
from .status import STATUS
from .store import STORE, UID_STORE
from .subscribe import SUBSCRIBE
from .thread import THREAD, UID_THREAD
from .unauthenticate import UNAUTHENTICATE
from .unselect import UNSELECT
from .unsubscribe import UNSUBSCRIBE

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
    NOTIFY,
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
    FETCH,
    UID_FETCH,
    STORE,
    UID_STORE,
    COPY,
    UID_COPY,
    MOVE,
    UID_MOVE,
    SEARCH,
    UID_SEARCH,
    SORT,
    UID_SORT,
    THREAD,
    UID_THREAD,
    ESEARCH,
    APPEND,
    REPLACE,
    UID_REPLACE,
    # folders
    LIST,
    LSUB,
    CREATE,
    DELETE,
    RENAME,
    SUBSCRIBE,
    UNSUBSCRIBE,
    STATUS,
    NAMESPACE,
    SETACL,
    DELETEACL,
    GETACL,
    LISTRIGHTS,
    MYRIGHTS,
    GETQUOTA,
    GETQUOTAROOT,
    SETQUOTA,
    GETMETADATA,
    SETMETADATA,
)

COMMANDS: dict[bytes, Command] = {command.name: command for command in ALL}

__all__ = ["ANY", "AUTHENTICATED", "COMMANDS", "LOGGED_IN", "NOT_AUTHENTICATED", "SELECTED", "Command"]
