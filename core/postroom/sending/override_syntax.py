"""Reads the lines of DNS overrides.

line      = domain spaces server *( spaces qualifier )    ; blank lines and lines that begin with # are nothing
domain    = a domain, with * for anything and ? for one character
server    = [user ":" password "@"] host [":" port]       ; an IPv6 address in brackets; in double quotes when it has spaces
qualifier = "$size" comparison size                       ; the line holds for messages of that size
          / "$failing" comparison duration                ; ... that have been failing for so long ($failing>2h)
          / "$retries" comparison number                  ; ... that have been tried so often without success
          / "$user:" wildcard                             ; ... sent by that user ("$user:" "*" is any who logged in)
          / "$from:" wildcard                             ; ... from that address, or any address of that domain
          / "$priority:" number                           ; the preference of the server, default 10; the lowest is tried first
          / "$tls:" ( "none" / "starttls-if-available" / "starttls" / "tls" )    ; default: as the sender is set
          / "$end"                                        ; no further lines are looked at when this one holds
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ..config.places import Fault, WrongText
from ..config.types import parse_duration, parse_size
from ..config.wording import nearest
from ..mail.local_domains import fold_domain
from ..mail.sending import MxServer, Protection
from .conditions import COMPARISONS
from .patterns import AddressPattern, BadPattern, Wildcard
from .servers import LoginServer, parse_login_server

WORD = re.compile(r'"(?P<quoted>[^"]*)"(?=\s|$)|(?P<bare>[^\s"]\S*)')
QUALIFIER = re.compile(r"\$(?P<name>[A-Za-z]*)(?:(?P<sign><=|>=|<>|!=|==|<|>|=|:)(?P<value>.*))?")
PROTECTIONS: tuple[Protection, ...] = ("none", "starttls-if-available", "starttls", "tls")
NAMED = re.compile(r"\$([A-Za-z]+)")
WANTED = "a word that begins with $ is expected here, such as $priority:10 or $end"
KNOWN = ("$size", "$failing", "$retries", "$user", "$from", "$priority", "$tls", "$end")
FORMS = {  # how the value of a qualifier is written, for messages
    "size": "$size<1MB",
    "failing": "$failing>2h",
    "retries": "$retries>=3",
    "user": "$user:fred",
    "from": "$from:*@example.com",
    "priority": "$priority:10",
    "tls": "$tls:starttls",
}
TLS_PORT = 465  # RFC 8314 section 7.3
SMTP_PORT = 25


@dataclass(frozen=True, slots=True)
class Question:
    """For what a server is looked for."""

    domain: str
    size: int = 0  # bytes
    failing: float = 0.0  # seconds since the first attempt that failed, 0: none did
    retries: int = 0  # attempts that failed
    user: str = ""  # who sent it, "" when nobody logged in
    sender: str = ""  # its address, "" is the null sender


@dataclass(frozen=True, slots=True)
class Qualifier:
    """``$size<1MB``: what a line demands of a message."""

    written: str
    holds: Callable[[Question], bool] = field(repr=False, compare=False)  # follows from what is written


@dataclass(frozen=True, slots=True)
class Line:
    """One override."""

    number: int  # in the text, from 1
    domain: Wildcard = field(default_factory=lambda: Wildcard("*"))
    server: LoginServer = field(default_factory=lambda: LoginServer(""))
    qualifiers: tuple[Qualifier, ...] = ()
    priority: int = 10
    encryption: Protection | None = None
    end: bool = False
    told: frozenset[str] = field(default=frozenset(), repr=False, compare=False)  # the options that have been read already

    def concerns(self, domain: str) -> bool:
        """True when the line is about this domain."""
        return self.domain.matches(fold_domain(domain))

    def unmet(self, question: Question) -> list[str]:
        """The qualifiers that do not hold, as they are written."""
        return [one.written for one in self.qualifiers if not one.holds(question)]

    def holds(self, question: Question) -> bool:
        """True when the domain matches and all qualifiers hold."""
        return self.concerns(question.domain) and all(one.holds(question) for one in self.qualifiers)

    @property
    def mx(self) -> MxServer:
        """The server as an MX record would name it, with what the line says beside that."""
        port = self.server.port or (TLS_PORT if self.encryption == "tls" else SMTP_PORT)
        return MxServer(self.server.host, port, self.priority, self.server.username, self.server.password, self.encryption)

    def __str__(self) -> str:
        """The line for people: without the password."""
        facts = [f"priority {self.priority}", *(one.written for one in self.qualifiers)]
        facts += [f"$tls:{self.encryption}"] if self.encryption else []
        facts += ["$end"] if self.end else []
        return f"line {self.number}: {self.domain.pattern} goes to {self.server.masked} ({', '.join(facts)})"


def read_line(number: int, column: int, words: str) -> Line:
    """The override of one line. Raises WrongText with all its faults, which never shows a password."""
    found = list(_words(number, column, words))
    if len(found) < 2:
        raise WrongText([Fault(number, column + len(words), "a domain and a server are expected, such as example.com smtp.isp.test:587")])
    line, faults = Line(number), []
    for position, (place, word) in enumerate(found):
        try:
            line = PARTS[min(position, 2)](line, word)
        except ValueError as error:
            faults.append(Fault(number, place + getattr(error, "offset", 0), str(error)))
    if faults:
        raise WrongText(faults)
    return line


def _words(number: int, column: int, text: str) -> Iterator[tuple[int, str]]:
    """The words of a line with their columns."""
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found = WORD.match(text, at)
        if found is None:
            raise WrongText([Fault(number, column + at, "the closing quote is missing, or no space follows it")])
        if found["bare"] and found["bare"].startswith("#"):  # a comment after a line
            return
        yield column + at, found["quoted"] if found["bare"] is None else found["bare"]
        at = found.end()


def _domain(line: Line, word: str) -> Line:
    if "@" in word or word == "<>":
        raise BadPattern("a domain is expected here, with * for anything and ? for one character", max(word.find("@"), 0))
    return replace(line, domain=AddressPattern.parse(word).wildcard)


def _server(line: Line, word: str) -> Line:
    if word.startswith("$"):
        raise ValueError("a server is expected here, before the words that begin with $")
    return replace(line, server=parse_login_server(word))


def _qualified(line: Line, word: str) -> Line:
    """The line with what the word adds. Raises ValueError."""
    found = QUALIFIER.fullmatch(word)
    if found is None:
        meant = NAMED.match(word)
        form = FORMS.get(meant[1].lower()) if meant is not None else None
        raise ValueError(f"{meant[0]} is written like {form}" if form and meant else WANTED)
    name, sign, value = found["name"].lower(), found["sign"] or "", found["value"] or ""
    if name == "end" and not sign:
        return replace(line, end=True)
    if name not in FORMS:
        # what was meant as part of a password may begin with $ too: it is not repeated
        raise ValueError(f"this qualifier is not known{nearest('$' + name, KNOWN)}" if name != "end" else "$end stands alone")
    if (sign == ":") is not (":" in FORMS[name]) or not value:
        raise ValueError(f"${name} is written like {FORMS[name]}")
    if name in ONCE:
        if name in line.told:
            raise ValueError(f"${name} stands here twice")
        return replace(line, told=line.told | {name}, **ONCE[name](value))
    return replace(line, qualifiers=(*line.qualifiers, Qualifier(word, QUALIFIERS[name](sign, value))))


def _protection(value: str) -> Protection:
    for known in PROTECTIONS:
        if value.lower() == known:
            return known
    raise ValueError(f"one of {', '.join(PROTECTIONS)} is expected after $tls:")


def _number(value: str, most: int) -> int:
    number = int(value) if value.isascii() and value.isdigit() and len(value) < 10 else -1
    if not 0 <= number <= most:
        raise ValueError(f"a whole number from 0 to {most} is expected")
    return number


def _compared(fact: Callable[[Question], float], read: Callable[[str], float]) -> Callable[[str, str], Callable[[Question], bool]]:
    def make(sign: str, value: str) -> Callable[[Question], bool]:
        compare, limit = COMPARISONS[sign], read(value)
        return lambda question: compare(fact(question), limit)

    return make


def _by_user(sign: str, value: str) -> Callable[[Question], bool]:
    pattern = Wildcard(value.lower())
    return lambda question: bool(question.user) and pattern.matches(question.user.lower())


def _by_sender(sign: str, value: str) -> Callable[[Question], bool]:
    pattern = AddressPattern.parse(value)
    return lambda question: pattern.matches(question.sender)


ONCE: dict[str, Callable[[str], dict[str, Any]]] = {  # what a line says of the server itself
    "priority": lambda value: {"priority": _number(value, 65535)},
    "tls": lambda value: {"encryption": _protection(value)},
}
QUALIFIERS: dict[str, Callable[[str, str], Callable[[Question], bool]]] = {
    "size": _compared(
        lambda question: question.size, lambda value: int(value) if value == "0" else parse_size(int(value) if value.isdecimal() else value)
    ),
    "failing": _compared(lambda question: question.failing, parse_duration),
    "retries": _compared(lambda question: question.retries, lambda value: _number(value, 1_000_000)),
    "user": _by_user,
    "from": _by_sender,
}
PARTS = (_domain, _server, _qualified)  # the words of a line in their order; the last repeats
