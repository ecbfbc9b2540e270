r"""Reads conditions: ``Size<1MB Recipient:*@example.com !Header:X-Bulk:yes Sender~/^list-/``.

    conditions = condition *( spaces condition )
    condition  = ["!"] ( "All" / "None" / number / text / header )
    number     = ( "Size" / "Age" / "Priority" / "Recipients" ) comparison value
    comparison = "<" / "<=" / ">" / ">=" / "=" / "==" / "<>" / "!="
    text       = ( "Sender" / "Recipient" / "User" ) matching
    header     = "Header:" name [ matching ]
    matching   = ":" wildcard / "~" "/" regular expression "/"

Words are read without regard to case, and spaces may stand around a comparison and after ``:`` and ``~``. A value with spaces stands in
double quotes; inside them a quote is written ``\"`` and a backslash ``\\``. A slash in a regular expression is written ``\/``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ..config.places import Fault
from ..config.types import parse_duration, parse_size
from ..config.wording import nearest
from .conditions import Address, Always, Condition, Header, Not, Number, NumberField, TextField
from .patterns import AddressPattern, BadPattern, Regex, Wildcard

WORDS = {"all": True, "none": False}
NUMBERS: dict[str, NumberField] = {"size": "size", "age": "age", "priority": "priority", "recipients": "recipients"}
TEXTS: dict[str, TextField] = {"sender": "sender", "recipient": "recipient", "user": "user"}
KNOWN = ("All", "None", "Size", "Age", "Priority", "Recipients", "Sender", "Recipient", "User", "Header")

NAME = re.compile(r"[A-Za-z]+")
COMPARISON = re.compile(r"\s*(<=|>=|<>|!=|==|<|>|=)\s*")
FIELD_NAME = re.compile(r"[!#-.0-9;-}]+?(?=[\s:~]|$)")  # RFC 5322 section 2.2, without ~ and /, which begin a pattern
REGEX = re.compile(r"/((?:[^/\\]|\\.)*)/")
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
BARE = re.compile(r"[^\s\"]\S*")
NUMBER = re.compile(r"[^\s<>=!]+")
MOST = 50  # conditions of a line


@dataclass
class Reader:
    """Reads the conditions of one line from a position on."""

    text: str
    line: int  # of the whole text, from 1
    shift: int  # the column of the first character of ``text``, from 1
    at: int = 0

    def wrong(self, message: str, at: int | None = None) -> WrongCondition:
        """What to raise for a fault at this offset (by default: here)."""
        return WrongCondition(Fault(self.line, self.shift + (self.at if at is None else at), message))

    def take(self, pattern: re.Pattern[str]) -> str | None:
        """What stands here, when it is of this form; the group, if there is one."""
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[1] if found.re.groups else found[0]

    def spaces(self) -> None:
        """Go on to the next word."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    @property
    def next(self) -> str:
        """The character here, "" at the end."""
        return self.text[self.at : self.at + 1]


class WrongCondition(ValueError):
    """A line whose conditions cannot be read, with the place."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def read_conditions(reader: Reader) -> tuple[Condition, ...]:
    """All conditions up to the end of the line. Raises WrongCondition."""
    found: list[Condition] = []
    reader.spaces()
    while reader.next:
        begin = reader.at
        if len(found) == MOST:
            raise reader.wrong(f"a line has at most {MOST} conditions")
        found.append(_condition(reader))
        if reader.next and not reader.next.isspace():
            raise reader.wrong(f"a space is expected after the condition {reader.text[begin : reader.at]}")
        reader.spaces()
    if not found:
        raise reader.wrong("a condition is expected, such as All, Size<1MB or Recipient:*@example.com")
    return tuple(found)


def _condition(reader: Reader) -> Condition:
    if reader.next == "!":
        reader.at += 1
        reader.spaces()
        if reader.next == "!":
            raise reader.wrong("one ! is enough")
        return Not(_condition(reader))
    begin = reader.at
    name = (reader.take(NAME) or "").lower()
    if name in WORDS:
        return Always(WORDS[name])
    if name in NUMBERS:
        return _number(reader, NUMBERS[name])
    if name in TEXTS:
        return _text(reader, TEXTS[name])
    if name == "header":
        return _header(reader)
    word = BARE.match(reader.text, begin)
    raise reader.wrong(f"{(name or (word[0] if word else reader.next))!r} is no condition{nearest(name.capitalize(), KNOWN)}", begin)


def _number(reader: Reader, name: NumberField) -> Number:
    comparison = reader.take(COMPARISON)
    if comparison is None:
        raise reader.wrong(f"a comparison is expected after {name.capitalize()}: <, <=, >, >=, = or <>")
    begin = reader.at
    value = reader.take(NUMBER)
    try:
        return Number(name, comparison, VALUES[name](value or ""))
    except ValueError as error:
        raise reader.wrong(str(error), begin) from None


def _text(reader: Reader, name: TextField) -> Address:
    begin = reader.at
    found = _matching(reader, name.capitalize(), (lambda text: Wildcard(text.lower())) if name == "user" else AddressPattern.parse)
    if found is None:
        raise reader.wrong(f"a colon with a wildcard or a ~ with a /regular expression/ is expected after {name.capitalize()}", begin)
    return Address(name, found)


def _header(reader: Reader) -> Header:
    if reader.next != ":":
        raise reader.wrong("a colon and the name of a header field are expected after Header")
    reader.at += 1
    reader.spaces()
    name = reader.take(FIELD_NAME)
    if name is None:
        raise reader.wrong("the name of a header field is expected, such as X-Bulk")
    found = _matching(reader, f"Header:{name}", lambda text: Wildcard(text.lower()))
    assert not isinstance(found, AddressPattern)
    return Header(name.lower(), found)


def _matching(reader: Reader, owner: str, wildcard: Callable[[str], AddressPattern | Wildcard]) -> AddressPattern | Wildcard | Regex | None:
    sign = reader.next
    if sign not in {":", "~"}:
        return None
    reader.at += 1
    reader.spaces()
    begin = reader.at
    try:
        if sign == "~":
            return _regex(reader, owner)
        quoted = reader.next == '"'
        value = reader.take(QUOTED if quoted else BARE)
        if value is None:
            raise reader.wrong("the closing quote is missing" if quoted else f"a wildcard is expected after {owner}:", begin)
        return wildcard(re.sub(r"\\(.)", r"\1", value) if quoted else value)
    except BadPattern as error:
        raise reader.wrong(str(error), begin + (error.offset + 1 if sign == "~" else error.offset)) from None


def _regex(reader: Reader, owner: str) -> Regex:
    if reader.next != "/":
        raise reader.wrong(f"a regular expression between slashes is expected after {owner}~")
    begin = reader.at
    written = reader.take(REGEX)
    if written is None:
        raise reader.wrong("the closing slash of the regular expression is missing", begin)
    if not written:
        raise reader.wrong("the regular expression is empty", begin)
    return Regex(written)  # \/ is a slash in the expression itself, too


def _whole(name: str, low: int, high: int) -> Callable[[str], float]:
    def read(text: str) -> float:
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
        if not low <= number <= high:
            raise ValueError(f"a whole number from {low} to {high} is expected after {name}")
        return number

    return read


def _size(text: str) -> float:
    if text.isascii() and text.isdigit() and len(text) < 20:
        return int(text)
    try:
        return parse_size(text)
    except ValueError:
        raise ValueError("a size is expected, such as 500000, 512KB or 10MB") from None


def _age(text: str) -> float:
    return 0.0 if text == "0" else parse_duration(text)


VALUES: dict[NumberField, Callable[[str], float]] = {
    "size": _size,
    "age": _age,
    "priority": _whole("Priority", 1, 100),
    "recipients": _whole("Recipients", 1, 1_000_000),
}
