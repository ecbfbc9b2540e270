"""Every bound of an IMAP conversation, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from postroom.wire.limits import Limits


@dataclass(frozen=True, slots=True)
class ImapLimits(Limits):
    """The bounds of one IMAP4 service. A command is its lines and the literals between them."""

    # --- one command (bytes) ---
    line: int = 8_192  # before login; RFC 9051 section 4: 8192 after it is the least to support
    line_after_login: int = 65_536  # UID lists of clients that know 10,000 messages one by one
    literal_before_login: int = 4_096  # a name or a password
    literal: int = 131_072  # anything but a message: a search word, a mailbox name, an annotation
    command: int = 262_144  # all lines and literals (but messages) of one command together
    non_synchronizing: int = 4_096  # LITERAL- before login (RFC 7888 section 5); LITERAL+ after it

    # --- the shape of a command ---
    nesting: int = 32  # parentheses within each other, search keys and lists alike
    items: int = 10_000  # elements of one list, ranges of one number set
    fetch_items: int = 100  # data items of one FETCH: each may repeat the whole message
    search_keys: int = 1_000  # keys of one search program: each is a pass over the mailbox

    # --- what a command may cost ---
    held: int = 1_048_576  # bytes of the messages of one APPEND in memory; the others of a long MULTIAPPEND wait in the database
    search_seconds: float = 30.0  # of one SEARCH, SORT or THREAD
    before_login: float = 600.0  # seconds in which somebody must log in: who only says NOOP does not keep a place
    session: float = 2_592_000.0  # whole connection after the login: clients stay for weeks
    idle_in_idle: float = 1_860.0  # silence within IDLE: clients repeat it every 29 minutes (RFC 2177)
