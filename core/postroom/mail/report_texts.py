"""The words of delivery reports for people: built-in English texts by key, and a translation that may stand in for them."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import NamedTuple

from .remedies import REMEDIES, UNKNOWN, place_of

LONGEST = 2000  # characters of one text; the lines that come of it still fit into a message
_UNSAFE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
ONE_LINE = ("from", "date", "subject.")  # keys, or their beginnings: of texts that stand in a header, and of the form of dates


class Text(NamedTuple):
    """One text; ``places`` are the words that may stand in braces in it."""

    words: str
    places: tuple[str, ...] = ()


TEXTS: dict[str, Text] = {
    "from": Text("Mail Delivery System"),
    "date": Text("%a, %d %b %Y %H:%M:%S %z"),  # as strftime(3) has it
    "subject.failure": Text("Not delivered"),
    "subject.delay": Text("Delayed"),
    "subject.success": Text("Delivered"),
    "message.titled": Text('Your message "{subject}"', ("subject",)),
    "message.untitled": Text("Your message"),
    "opening.failure": Text(
        "{message}\nof {date}\ncould not be delivered to the recipients below, and will not be tried again.", ("message", "date")
    ),
    "opening.delay": Text(
        "{message}\nof {date}\nis still waiting to be delivered to the recipients below. You need not send it again:\n"
        "we keep trying until {until}.",
        ("message", "date", "until"),
    ),
    "opening.success": Text(
        "{message}\nof {date}\nhas been handed over to the recipients below, as you asked to be told.", ("message", "date")
    ),
    "recipient.leads": Text("which leads to {address}", ("address",)),
    "recipient.answered": Text("The server {server} answered:", ("server",)),
    "recipient.taken": Text("The server {server} took it:", ("server",)),
    "recipient.ours": Text("Our server says:"),
    "recipient.last": Text("It cannot report back, so this is the last that we know."),
    "recipient.meaning": Text("What it means: {meaning}", ("meaning",)),
    "recipient.advice": Text("What you can do: {advice}", ("advice",)),
    "recipient.once": Text("Tried once, last on {date}.", ("date",)),
    "recipient.often": Text("Tried {times} times, last on {date}.", ("times", "date")),
    "closing": Text(
        "This report was made by {hostname}. If you ask your administrator about it, name the\nmessage's number: {number}",
        ("hostname", "number"),
    ),
}
TEXTS |= {
    f"remedies.{code}.{part}": Text(words)
    for code, pair in REMEDIES.items()
    for part, words in zip(("meaning", "advice"), pair, strict=True)
}
TEXTS["remedies.unknown.advice"] = Text(UNKNOWN)


def keys_of(key: str) -> tuple[str, ...]:
    """The keys, one within the other, that a key with dots stands for in a file; the dots of a code separate nothing."""
    first, _, rest = key.partition(".")
    if first != "remedies":
        return tuple(key.split("."))
    code, _, part = rest.rpartition(".")
    return first, code, part


@dataclass(frozen=True, slots=True)
class ReportTexts:
    """The words of reports: what ``given`` has of them, else the built-in ones. What ``wrong`` finds fault with must not be given."""

    given: Mapping[str, str] = field(default_factory=dict)

    def words(self, key: str, **values: object) -> str:
        """The text with its places filled in, lines ended by LF. Raises KeyError for a key that there is not."""
        return (self.given.get(key) or TEXTS[key].words).format(**values)

    def date(self, seconds: float) -> str:
        """A moment (epoch seconds), in local time."""
        return time.strftime(self.words("date"), time.localtime(seconds))

    def remedy(self, status: str) -> tuple[str, str]:
        """``(meaning, what to do)`` for an enhanced code such as "5.1.1"; an empty meaning when nothing is known."""
        place = place_of(status)
        if not place:
            return "", self.words("remedies.unknown.advice")
        return self.words(f"remedies.{place}.meaning"), self.words(f"remedies.{place}.advice")


BUILT_IN = ReportTexts()


def wrong(key: str, text: object) -> str | None:
    """What is wrong with a text for this key, which is one of ``TEXTS``; None when it can be used."""
    if not isinstance(text, str):
        return "a text is expected (a number or yes/no as text needs quotes)"
    if not text.strip() or len(text) > LONGEST:
        return f"must not be empty, nor longer than {LONGEST} characters"
    if _UNSAFE.search(text):
        return "has a control character, such as a tab"
    if "\n" in text.strip("\n") and key.startswith(ONE_LINE):
        return "a text of one line is expected"
    return _wrong_places(text, TEXTS[key].places)


def _wrong_places(text: str, known: tuple[str, ...]) -> str | None:
    try:
        found = [(name, spec, conversion) for _, name, spec, conversion in Formatter().parse(text) if name is not None]
    except ValueError:
        return "its braces do not pair; a brace itself is written twice, {{ or }}"
    for name, spec, conversion in found:
        if name not in known or spec or conversion:
            named = ", ".join(f"{{{place}}}" for place in known) or "nothing"
            return f"{{{name}{':' if spec else ''}}} cannot stand here; in braces there may be {named}"
    return None
