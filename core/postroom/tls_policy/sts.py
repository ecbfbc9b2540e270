"""MTA-STS policies: the record that announces one, its text, and which servers it allows (RFC 8461). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast

Mode = Literal["enforce", "testing", "none"]
MODES = ("enforce", "testing", "none")
VERSION = "STSv1"
LONGEST = 31_557_600  # seconds, RFC 8461 section 3.2
MOST_MX = 500  # patterns; a text of 64 KB could hold many more

RECORD = re.compile(r"v=STSv1(?=[ \t]*;)")
FIELD = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31})=([\x21-\x3a\x3c\x3e-\x7e]+)")  # RFC 8461 section 3.1
ID = re.compile(r"[A-Za-z0-9]{1,32}")
LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31}):[ \t]*(.*?)[ \t]*")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # any other character may stand in fields that come to be one day
LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
PATTERN = re.compile(rf"(?:\*\.)?{LABEL}(?:\.{LABEL})*")
AGE = re.compile(r"[0-9]{1,10}")


class BadPolicy(Exception):
    """The text is no policy; says why."""


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """What a domain demands of those who send to it."""

    mode: Mode
    mx: tuple[str, ...]  # host names; "*.example.net" stands for one label
    max_age: int  # seconds

    def matches(self, host: str) -> bool:
        """True when mail may go to this server (RFC 8461 section 4.1)."""
        name = host.lower().rstrip(".")
        label, _, rest = name.partition(".")
        return name in self.mx or (label != "" and f"*.{rest}" in self.mx)

    @property
    def lines(self) -> tuple[str, ...]:
        """The policy as lines of its text, for reports (RFC 8460 section 4.4)."""
        return (f"version: {VERSION}", f"mode: {self.mode}", *(f"mx: {one}" for one in self.mx), f"max_age: {self.max_age}")


def announced(texts: Iterable[str]) -> str | None:
    """The id in the TXT records of ``_mta-sts``; None unless exactly one record announces a policy, and well (RFC 8461 section 3.1)."""
    ours = [text for text in texts if RECORD.match(text)]
    if len(ours) != 1:
        return None
    fields = [part.strip(" \t") for part in ours[0].split(";")[1:]]
    if fields and not fields[-1]:
        fields.pop()
    matches = [FIELD.fullmatch(field) for field in fields]
    found = [match[2] for match in matches if match is not None and match[1] == "id"]
    return found[0] if None not in matches and len(found) == 1 and ID.fullmatch(found[0]) else None


def parse(body: bytes) -> StsPolicy:
    """The policy in the text of ``mta-sts.txt`` (RFC 8461 section 3.2). Raises BadPolicy."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise BadPolicy("it is not UTF-8") from None
    first: dict[str, str] = {}
    patterns: list[str] = []
    for number, line in enumerate(re.split(r"\r?\n", text), 1):
        if not line.strip(" \t"):
            continue
        key, value = _field(line, number)
        if key == "mx":
            patterns.append(_pattern(value, number))
        first.setdefault(key, value)  # RFC 8461 section 3.2: of other keys that come twice the first counts
    return _policy(first, list(dict.fromkeys(patterns)))


def _field(line: str, number: int) -> tuple[str, str]:
    match = LINE.fullmatch(line)
    if match is None or CONTROL.search(match[2]):
        raise BadPolicy(f"line {number} is not of the form `key: value`")
    return match[1], match[2]


def _pattern(value: str, number: int) -> str:
    pattern = value.lower()
    if len(pattern) > 255 or PATTERN.fullmatch(pattern) is None:
        raise BadPolicy(f"line {number}: mx is not a host name")
    return pattern


def _policy(fields: dict[str, str], patterns: list[str]) -> StsPolicy:
    if fields.get("version") != VERSION:
        raise BadPolicy(f"it has no line `version: {VERSION}`")
    if fields.get("mode") not in MODES:
        raise BadPolicy("it has no mode that is enforce, testing or none")
    if AGE.fullmatch(fields.get("max_age", "")) is None:
        raise BadPolicy("it has no max_age in seconds")
    if not patterns and fields["mode"] != "none":
        raise BadPolicy("it names no mx")
    if len(patterns) > MOST_MX:
        raise BadPolicy(f"it names more than {MOST_MX} mx")
    return StsPolicy(cast("Mode", fields["mode"]), tuple(patterns), min(int(fields["max_age"]), LONGEST))
