"""What a server offers, read once from its answer to EHLO (RFC 5321 section 4.1.1.1)."""

from __future__ import annotations

from dataclasses import dataclass

from ...mail.reply import Reply


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The extensions that matter to us; a server greeted by HELO offers none."""

    pipelining: bool = False  # RFC 2920
    chunking: bool = False  # RFC 3030
    binarymime: bool = False  # RFC 3030; useful only together with CHUNKING
    eightbit: bool = False  # RFC 6152
    smtputf8: bool = False  # RFC 6531
    dsn: bool = False  # RFC 3461
    requiretls: bool = False  # RFC 8689
    starttls: bool = False  # RFC 3207
    takes_size: bool = False  # RFC 1870
    size_limit: int = 0  # octets; 0: the server names no limit
    auth: tuple[str, ...] = ()  # SASL mechanisms, upper case (RFC 4954)
    recipients_limit: int = 0  # RCPTMAX of RFC 9422, 0: not named
    messages_limit: int = 0  # MAILMAX of RFC 9422, 0: not named


NONE = Capabilities()


def parse(reply: Reply) -> Capabilities:
    """The capabilities that an EHLO reply lists; keywords that we do not know are passed over."""
    offered: dict[str, list[str]] = {}
    for line in reply.text.split("\n")[1:]:  # the first line is the server's name
        words = line.upper().replace("AUTH=", "AUTH ", 1).split()  # "AUTH=LOGIN" is from before RFC 2554
        if words:
            offered.setdefault(words[0], []).extend(words[1:])
    limits = offered.get("LIMITS", [])
    return Capabilities(
        pipelining="PIPELINING" in offered,
        chunking="CHUNKING" in offered,
        binarymime="BINARYMIME" in offered and "CHUNKING" in offered,
        eightbit="8BITMIME" in offered,
        smtputf8="SMTPUTF8" in offered,
        dsn="DSN" in offered,
        requiretls="REQUIRETLS" in offered,
        starttls="STARTTLS" in offered,
        takes_size="SIZE" in offered,
        size_limit=number(offered.get("SIZE", ["0"])[0] if offered.get("SIZE") else "0"),
        auth=tuple(dict.fromkeys(offered.get("AUTH", []))),
        recipients_limit=limit(limits, "RCPTMAX="),
        messages_limit=limit(limits, "MAILMAX="),
    )


def limit(words: list[str], name: str) -> int:
    """The value of one RFC 9422 limit, 0 when it is not named or makes no sense."""
    return next((number(word.removeprefix(name)) for word in words if word.startswith(name)), 0)


def number(word: str) -> int:
    """A non-negative number of at most 19 digits, else 0."""
    return int(word) if word.isascii() and word.isdigit() and len(word) < 20 else 0
