"""Which command may come when: the states of a session, and for each what is barred and with which answer."""

from __future__ import annotations

from enum import IntEnum

from postroom.wire.answer import Answer

from . import answers


class State(IntEnum):
    """Where a session stands."""

    START = 1  # no HELO yet
    PLAIN = 2  # TLS must come first
    STRANGER = 3  # a login must come first
    READY = 4  # a mail transaction may begin
    SENDER = 5  # MAIL was taken
    RECIPIENTS = 6  # at least one RCPT was taken
    CHUNKS = 7  # at least one BDAT was taken


# BDAT is in no row: its chunk must be read whatever the answer (RFC 3030 section 2), so it asks ``barred`` itself.
BARRED: dict[State, dict[bytes, Answer]] = {
    State.START: dict.fromkeys((b"MAIL", b"RCPT", b"DATA", b"AUTH", b"ETRN", b"STARTTLS"), answers.HELO_FIRST),
    # RFC 3207 section 4: only NOOP, EHLO, STARTTLS and QUIT
    State.PLAIN: dict.fromkeys((b"MAIL", b"RCPT", b"DATA", b"AUTH", b"ETRN", b"VRFY", b"EXPN", b"RSET"), answers.TLS_FIRST),
    # RFC 4954 section 6
    State.STRANGER: dict.fromkeys((b"MAIL", b"RCPT", b"DATA", b"ETRN", b"VRFY", b"EXPN"), answers.LOGIN_FIRST),
    State.READY: dict.fromkeys((b"RCPT", b"DATA"), answers.MAIL_FIRST),
    State.SENDER: {
        b"MAIL": answers.MAIL_GIVEN,
        b"DATA": answers.RCPT_FIRST,
        **dict.fromkeys((b"AUTH", b"STARTTLS"), answers.IN_TRANSACTION),
    },
    State.RECIPIENTS: {b"MAIL": answers.MAIL_GIVEN, **dict.fromkeys((b"AUTH", b"STARTTLS"), answers.IN_TRANSACTION)},
    State.CHUNKS: dict.fromkeys((b"MAIL", b"RCPT", b"DATA", b"AUTH", b"STARTTLS"), answers.IN_CHUNKS),
}
BDAT_BARRED: dict[State, Answer] = {
    State.START: answers.HELO_FIRST,
    State.PLAIN: answers.TLS_FIRST,
    State.STRANGER: answers.LOGIN_FIRST,
    State.READY: answers.MAIL_FIRST,
    State.SENDER: answers.RCPT_FIRST,
}
