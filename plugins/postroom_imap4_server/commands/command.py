"""What a command is: its name, when it may be used, how its arguments are read, and what it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..grammar.reader import Reader
    from ..session import Session

# The states of a session (RFC 9051 section 3)
NOT_AUTHENTICATED, AUTHENTICATED, SELECTED = 1, 2, 4
LOGGED_IN = AUTHENTICATED | SELECTED
ANY = NOT_AUTHENTICATED | LOGGED_IN


class Command(NamedTuple):
    """One command. First the state is looked at, then all of it is read, then it does its one thing."""

    name: bytes  # in capitals: b"FETCH", b"UID FETCH"
    states: int  # in which it may be used
    # reads the arguments (the space before them is read already) to the end of the command (reader.end()); raises Bad, No, Bye
    parse: Callable[[Reader], Any]
    run: Callable[
        [Session, Any], str
    ]  # sends untagged data; returns the text of the tagged OK, with its response code; raises No, Bad, Bye
    expunges: bool = True  # EXPUNGE and VANISHED may be told after it; not after FETCH, STORE, SEARCH by number (RFC 9051 section 7.5.1)


def nothing(reader: Reader) -> None:
    """The arguments of a command that has none."""
    reader.end()
