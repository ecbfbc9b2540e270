"""What CAPABILITY offers, computed from the state of the session and the settings in this one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from .grammar.writing import ATOM

if TYPE_CHECKING:
    from .session import Session

ALWAYS = ("ID", "ENABLE", "SASL-IR", "LANGUAGE", "I18NLEVEL=1")
LATER = (  # of use after a login only
    "NAMESPACE", "UIDPLUS", "MOVE", "UNSELECT", "CHILDREN", "ESEARCH", "SEARCHRES", "SORT", "SORT=DISPLAY", "ESORT",
    "THREAD=REFERENCES", "THREAD=ORDEREDSUBJECT", "LIST-EXTENDED", "LIST-STATUS", "LIST-METADATA", "LIST-MYRIGHTS", "SPECIAL-USE",
    "CREATE-SPECIAL-USE", "CONDSTORE", "QRESYNC", "MULTIAPPEND", "CATENATE", "BINARY", "QUOTA", "QUOTA=RES-STORAGE",
    "QUOTA=RES-MESSAGE", "QUOTASET", "ACL", "RIGHTS=kxte", "METADATA", "METADATA-SERVER", "OBJECTID", "SAVEDATE", "STATUS=SIZE",
    "PREVIEW", "WITHIN", "REPLACE", "UIDONLY", "PARTIAL", "INPROGRESS", "MULTISEARCH", "UTF8=ACCEPT", "UNAUTHENTICATE", "URL-PARTIAL",
)  # fmt: skip


class Switched(NamedTuple):
    """A capability that is offered only now and then."""

    word: Callable[[Session], str]
    when: Callable[[Session], bool]


def may_start_tls(session: Session) -> bool:
    """Whether STARTTLS may be used now."""
    return session.client.tls is None and session.client.encryption.startswith("starttls")


def plain_allowed(session: Session) -> bool:
    """Whether a password may come in clear now (LOGIN)."""
    if session.settings.auth == "off" or (session.client.tls is None and session.client.encryption == "starttls-required"):
        return False
    return session.context.auth.plain_allowed(session.client, session.settings)


def mechanisms(session: Session) -> list[str]:
    """The SASL mechanisms that may be used now."""
    if session.client.tls is None and session.client.encryption == "starttls-required":
        return []
    return session.context.auth.mechanisms(session.client, session.settings, session.out.binding())


def protocols(session: Session) -> list[str]:
    """The versions of IMAP that are spoken; IDLE is a part of the second (RFC 9051 section 6.3.13)."""
    return ["IMAP4rev1", "IMAP4rev2"] if session.settings.idle else ["IMAP4rev1"]


def offered(session: Session) -> list[str]:
    """The words of CAPABILITY, as they are after the plugins have seen them."""
    state = _after_login(session) if session.account is not None else _before_login(session)
    words = [*protocols(session), *ALWAYS, *state]
    changed = session.context.ask.transform("imap_capabilities", "capabilities", tuple(words), client=session.client)
    return words if changed == tuple(words) else _valid(changed)


def _before_login(session: Session) -> list[str]:
    return [
        "LITERAL-",  # RFC 7888 section 5: small literals only
        *(["STARTTLS"] if may_start_tls(session) else []),
        *([] if plain_allowed(session) else ["LOGINDISABLED"]),  # RFC 9051 section 6.2.3
        *(f"AUTH={name}" for name in mechanisms(session)),
    ]


def _after_login(session: Session) -> list[str]:
    return ["LITERAL+", *LATER, *(one.word(session) for one in SWITCHED if one.when(session))]


SWITCHED = (
    Switched(lambda _: "IDLE", lambda session: session.settings.idle),
    Switched(lambda _: "NOTIFY", lambda session: session.settings.notify),
    Switched(lambda _: "COMPRESS=DEFLATE", lambda session: session.settings.compress and not session.compressed),
    Switched(lambda session: f"APPENDLIMIT={session.limits.message}", lambda _: True),  # RFC 7889
    Switched(lambda session: f"MESSAGELIMIT={session.settings.message_limit}", lambda _: True),  # RFC 9738
)


def _valid(words: object) -> list[str]:
    """What a plugin has returned, as far as it is words: nothing else may stand in a response."""
    given: Iterable[object] = words.split() if isinstance(words, str) else words if isinstance(words, Iterable) else ()
    return [str(word) for word in given if ATOM.fullmatch(str(word).encode("utf-8", "replace"))]
