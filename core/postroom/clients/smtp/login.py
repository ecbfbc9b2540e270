"""AUTH as a client (RFC 4954): chooses a mechanism, holds its dialogue, and never sends a password where others could read it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import takewhile

from ...mail.reply import Reply
from ...wire.sasl_client import Login, Mechanism, SaslFault, candidates
from ..oauth import TokenRefused, TokenUnavailable
from .faults import Broken, Refused, Strained
from .hop import Credentials
from .session import Session

LINE_LIMIT = 512  # octets of a command line with its CRLF (RFC 5321 4.5.3.1.4); an initial response must fit into it (RFC 4954 section 4)
RECOGNISED = 8  # characters by which the beginning of a hidden word is known
SHORTEST = 4  # characters; shorter ones would be found by chance
STARS = "********"
STEPS_LIMIT = 8  # SCRAM has 3; a server that asks for ever is broken
TRY_ANOTHER = (500, 501, 504, 534, 538)  # of the mechanism, not of the password (RFC 4954 section 6)


def login(session: Session, credentials: Credentials) -> None:
    """Log in. Raises Refused with the reason and the setting that helps, Broken when the connection fails."""
    who = identity(session, credentials)
    usable = choices(session, credentials, who)
    for name, make in usable.items():
        try:
            reply, said = converse(session, name, make(), (who.password, who.token))
        except SaslFault as error:
            raise Refused(f"{session.server}: login by {name} failed: {error}", "4.7.8", server=session.server, kind="login") from error
        if reply.code == 235:
            return
        another = reply.final and (reply.code in TRY_ANOTHER or name.endswith("-PLUS"))  # a server may bind in a way that we cannot
        if not another or name == list(usable)[-1]:
            raise turned_down(session, credentials, who, f"by {name}" + (f" ({said})" if said else ""), reply)


def turned_down(session: Session, credentials: Credentials, who: Login, way: str, reply: Reply) -> Refused:
    """The fault of a login that failed. Only a final answer to it is about the password or the token: 454 is not (RFC 4954 section 6)."""
    if not reply.final:
        return session.refused(f"cannot check the login of {credentials.username} {way} now", reply, "4.7.0", kind="login")
    if credentials.tokens is not None and reply.code not in TRY_ANOTHER:
        credentials.tokens.reject(who.token)
    return session.refused(f"does not accept the login of {credentials.username} {way}", reply, "4.7.8", kind="login")


def choices(session: Session, credentials: Credentials, who: Login) -> dict[str, Callable[[], Mechanism]]:
    """The mechanisms to use, best first; never empty. Raises Refused when there is none, saying why."""
    private = session.stream.tls is not None or session.local or credentials.allow_plaintext
    offered, wanted = session.capabilities.auth, credentials.mechanism
    usable = {name: make for name, make in candidates(offered, who, encrypted=private).items() if wanted in ("auto", name)}
    if usable:
        return usable
    where = session.hop.settings
    if not offered:
        words = f"offers no login{'' if session.stream.tls else ' (perhaps only with encryption)'}, but {where} has a username"
    elif any(wanted in ("auto", name) for name in candidates(offered, who, encrypted=True)):
        words = f"would get the login unencrypted: set `encryption` to starttls or tls in {where} (or allow_plaintext_auth: true)"
    else:
        words = f"offers {', '.join(offered)}, and none of these goes with `auth: {wanted}` in {where}"
    raise Refused(f"{session.server} {words}", "4.7.8", server=session.server, kind="login")


def identity(session: Session, credentials: Credentials) -> Login:
    """Who we are, with a fresh token when tokens are used. Raises Refused when no token is to be had, and Strained."""
    hop, token = session.hop, ""
    if credentials.tokens is not None:
        try:
            token = credentials.tokens.token()
        except (TokenUnavailable, TokenRefused) as error:
            if isinstance(error, TokenUnavailable) and error.local:
                raise Strained.by(error) from error
            raise Refused(f"No access token for {session.server}: {error}", "4.7.0", server=session.server, kind="login") from error
    return Login(credentials.username, credentials.password, token, hop.host, hop.port, session.stream.channel_binding())


def converse(session: Session, name: str, mechanism: Mechanism, secrets: Sequence[str]) -> tuple[Reply, str]:
    """The dialogue of one mechanism: the last reply, and what the server said in an error challenge. Raises SaslFault, Broken.

    Both are without what the server repeats of our answers and of the ``secrets``: its words go into logs, traces and reports.
    """
    initial = mechanism.initial()
    line = opening(name, initial)
    sent = [line.decode("ascii").strip().partition(f"AUTH {name} ")[2]]
    reply = session.command(line, "AUTH")
    pending = initial is not None and line == opening(name, None)  # too long for the AUTH line
    for _ in range(STEPS_LIMIT):
        if reply.code != 334:
            break
        if pending and initial is not None:
            answer, pending = initial, False
        else:
            answer = answered(session, mechanism, reply)
        sent.append(b64encode(answer).decode("ascii"))
        reply = session.command(b64encode(answer) + b"\r\n", "AUTH")
    else:
        raise SaslFault(f"the server asked more than {STEPS_LIMIT} times")
    if reply.code == 235:
        mechanism.finish()
    hidden = (*sent, *secrets)
    return replace(reply, text=without(reply.text, hidden)), without(mechanism.error, hidden)


def without(text: str, hidden: Iterable[str]) -> str:
    """The text with stars in place of each hidden word, also of one that it cuts off."""
    for word in hidden:
        start = word[:RECOGNISED]
        at = text.find(start) if len(start) >= SHORTEST else -1
        while at >= 0:
            alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(text[at:], word, strict=False)))
            text = text[:at] + STARS + text[at + alike :]
            at = text.find(start, at + len(STARS))
    return text


def answered(session: Session, mechanism: Mechanism, reply: Reply) -> bytes:
    """The answer to a challenge. When it cannot be answered the dialogue is cancelled with ``*`` and SaslFault is raised."""
    try:
        return mechanism.step(b64decode(reply.text, validate=True))
    except (NotBase64, ValueError, SaslFault) as error:
        with suppress(Broken):
            session.command(b"*\r\n", "AUTH")  # RFC 4954 section 4
        raise error if isinstance(error, SaslFault) else SaslFault("the server's challenge is not base64") from error


def opening(name: str, initial: bytes | None) -> bytes:
    """The AUTH line, with the initial response if there is one and it fits; ``=`` is an empty one (RFC 4954 section 4)."""
    encoded = b"" if initial is None else b" " + (b64encode(initial) or b"=")
    line = b"AUTH %b%b\r\n" % (name.encode("ascii"), encoded)
    return line if len(line) <= LINE_LIMIT else opening(name, None)
