"""The commands that move no mail: RSET, NOOP, HELP, VRFY, EXPN, ETRN, QUIT, and those that do not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postroom.mail.address import BadAddress, check_domain
from postroom.mail.reply import Reply
from postroom.wire.answer import Answer

from . import answers

if TYPE_CHECKING:
    from .session import Session

MAX_TOLD = 6  # letters of a strange command that the plugins hear: a longer word may be a password that is out of step


def rset(session: Session, argument: bytes) -> Answer:
    """RSET (RFC 5321 section 4.1.1.5)."""
    if argument.strip():
        return answers.NO_ARGUMENT
    session.reset()
    return answers.OK


def noop(_session: Session, _argument: bytes) -> Answer:
    """NOOP; its argument means nothing (RFC 5321 section 4.1.1.9)."""
    return answers.OK


def help_(_session: Session, _argument: bytes) -> Answer:
    """HELP, the same for every argument."""
    return answers.HELP


def vrfy(_session: Session, argument: bytes) -> Answer:
    """VRFY: neither yes nor no, so that nobody can harvest addresses (RFC 5321 section 7.3)."""
    return answers.CANNOT_VRFY if argument.strip() else answers.VRFY_SYNTAX


def expn(_session: Session, _argument: bytes) -> Answer:
    """EXPN: the members of a list are nobody's business."""
    return answers.NO_EXPN


def etrn(session: Session, argument: bytes) -> Answer:
    """ETRN (RFC 1985): no mail is kept for nodes that ask for it; only those who may relay hear so."""
    try:
        node = check_domain(argument.strip().lstrip(b"@#").decode("ascii"))
    except (BadAddress, UnicodeDecodeError):
        return answers.ETRN_SYNTAX
    return Answer(Reply(251, "2.0.0", f"No messages waiting for {node}").wire) if session.may_relay else answers.NO_ETRN


def quit_(session: Session, _argument: bytes) -> Answer:
    """QUIT."""
    session.reset()
    return session.desk.farewell


def not_implemented(_session: Session, _argument: bytes) -> Answer:
    """A command of RFC 821 that nobody should use."""
    return answers.NOT_IMPLEMENTED


def not_http(session: Session, _argument: bytes) -> Answer:
    """A web browser, or somebody who makes one talk to us: header lines must not be taken for commands."""
    session.misbehaved("syntax-error", "HTTP request")
    return answers.NOT_HTTP


def unknown(session: Session, line: bytes) -> Answer:
    """Anything else."""
    verb = line.partition(b" ")[0]
    session.misbehaved("syntax-error", verb.decode("ascii") if verb.isalpha() and len(verb) <= MAX_TOLD else "")
    return answers.UNKNOWN
