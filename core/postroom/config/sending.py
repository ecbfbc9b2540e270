"""Settings of sending that are made from rules: filters, overrides, targets, the schedule; what is wrong in them is told at its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import time, tzinfo
from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema

from ..sending.filtering import Filter
from ..sending.lan_rules import Addresses, parse_rewriting
from ..sending.overrides import Overrides
from ..sending.schedule import DEFAULT, DENY, ScheduleItem
from ..sending.surge import SurgeRule
from ..sending.targets import SmtpTarget, parse_target
from ..sending.times import EVERY_DAY, Range, parse_days, parse_range, parse_time
from . import time_zone
from .places import Fault, WrongText, text_of_lines
from .section import Location, Section
from .types import Duration, Name

LONGEST_STEP = 86400.0  # seconds: what begins anew each day cannot be further apart


def parse_filter(value: object) -> Filter:
    """The domain filter of a text or a list of lines. Raises WrongText."""
    return value if isinstance(value, Filter) else Filter.parse(text_of_lines(value))


def parse_overrides(value: object) -> Overrides:
    """The DNS overrides of a text or a list of lines. Raises WrongText."""
    return value if isinstance(value, Overrides) else Overrides.parse(text_of_lines(value))


def parse_addresses(value: object) -> Addresses:
    """The addresses of a LAN forwarding rule, a text or a list of lines. Raises WrongText."""
    found = value if isinstance(value, Addresses) else Addresses.parse(text_of_lines(value))
    if not found:
        raise ValueError("at least one address is expected, such as joe@example.com or *@example.com")
    return found


def parse_smtp_target(value: object) -> SmtpTarget:
    """The target of ``SMTP:address@server``. Raises WrongText."""
    return value if isinstance(value, SmtpTarget) else parse_target(str(value))


def rewriting(value: object) -> str:
    """How addresses are rewritten. Raises ValueError."""
    return parse_rewriting("" if value is None else str(value))


def parse_zone(value: object) -> tzinfo:
    """The time zone of that name. Raises ValueError."""
    return value if isinstance(value, tzinfo) else time_zone.named(str(value))


def parse_connections(value: object) -> tuple[str, ...]:
    """Names of connections, one or a list. Raises ValueError."""
    items = value if isinstance(value, list | tuple) else [value]
    if not items or not all(isinstance(item, str | int | float) and str(item).strip() for item in items):
        raise ValueError(f"the name of a connection, {DEFAULT}, {DENY}, or a list of names is expected")
    return tuple(str(item).strip() for item in items)


def parse_ranges(value: object) -> tuple[Range, ...]:
    """Ranges of times, "09:00-12:00, 13:00-17:00" or a list. Raises WrongText."""
    return tuple(sorted(set(_each(value, parse_range))))


def parse_times(value: object) -> tuple[time, ...]:
    """Times of day, "09:00, 13:30" or a list. Raises WrongText."""
    return tuple(sorted(set(_each(value, parse_time))))


def _each(value: object, read: Callable[[object], Any]) -> list[Any]:
    """Every item read; a fault is told for its place in the list."""
    listed = isinstance(value, list | tuple)
    items = list(value) if isinstance(value, list | tuple) else str(value).split(",")
    found, faults = [], []
    for number, item in enumerate(items, start=1):
        try:
            found.append(item if isinstance(item, Range | time) else read(item))
        except ValueError as error:
            faults.append(Fault(number if listed else 1, 1, str(error)))
    if faults:
        raise WrongText(faults)
    return found


def _text(example: str, *, lines: bool = False) -> WithJsonSchema:
    text: dict[str, Any] = {"type": "string"}
    several = {"type": "array", "items": {"type": "string"}}
    return WithJsonSchema({"anyOf": [text, several], "examples": [example]} if lines else text | {"examples": [example]})


FilterRules = Annotated[Filter, PlainValidator(parse_filter), _text("Skip: Size>10MB", lines=True)]
OverrideLines = Annotated[Overrides, PlainValidator(parse_overrides), _text("example.com smtp.isp.test:587", lines=True)]
LanAddresses = Annotated[Addresses, PlainValidator(parse_addresses), _text("*@example.com", lines=True)]
Target = Annotated[SmtpTarget, PlainValidator(parse_smtp_target), _text("SMTP:bob@example.com@192.168.1.1")]
Rewriting = Annotated[str, PlainValidator(rewriting), _text("*@new.example")]
TimeZone = Annotated[tzinfo, PlainValidator(parse_zone), _text("Europe/Berlin")]
Connections = Annotated[tuple[str, ...], PlainValidator(parse_connections), _text("default", lines=True)]
Days = Annotated[frozenset[int], PlainValidator(parse_days), _text("weekdays", lines=True)]
Ranges = Annotated[tuple[Range, ...], PlainValidator(parse_ranges), _text("09:00-17:30", lines=True)]
Times = Annotated[tuple[time, ...], PlainValidator(parse_times), _text("03:00", lines=True)]


class ScheduleSettings(Section):
    """When connections run by themselves."""

    name: Name = Field(description="Your name for it.")
    connect: Connections = Field(
        (DEFAULT,),
        description="Names of connections; default: all that are marked so; deny: starts that fall into this item are cancelled.",
    )
    days: Days = Field(
        default_factory=lambda: EVERY_DAY,
        json_schema_extra={"default": "all"},
        description="mon to sun, ranges such as mon-fri, weekdays, weekend or all; one or a list.",
    )
    every: Duration | None = Field(None, description="The time between two starts.")
    between: Ranges = Field((), description="With every: only in these times of day, such as 09:00-17:30; the last minute counts.")
    at: Times = Field((), description="Start at these times of day, instead of every.")
    enabled: bool = Field(True, description="false switches the item off and keeps it.")

    def item(self) -> ScheduleItem:
        """The item as the schedule reckons with it."""
        return ScheduleItem(self.name, self.connect, self.days, self.every, self.between, self.at, self.enabled)

    def checks(self) -> Iterator[tuple[Location, str]]:
        """Each way to say when stands alone, and a deny item says when it denies."""
        if len(set(self.connect)) < len(self.connect):
            yield ("connect",), "a connection stands there twice"
        if self.at and self.between:
            yield ("between",), "goes with every, not with at"
        yield from self._denying() if DENY in self.connect else self._starting()

    def _denying(self) -> Iterator[tuple[Location, str]]:
        if len(self.connect) > 1:
            yield ("connect",), f"{DENY} stands alone"
        if self.every is not None:
            yield ("every",), f"a {DENY} item has no every: it cancels all starts between its times, or in the minute of each at"
        elif not (self.at or self.between or self.days != EVERY_DAY):
            yield (), f"a {DENY} item needs between, at or days; to stop all starts, pause the schedule"

    def _starting(self) -> Iterator[tuple[Location, str]]:
        if self.every is None and not self.at:
            yield (), "needs every (such as 5m) or at (such as 03:00)"
        elif self.every is not None and self.at:
            yield ("at",), "not together with every; use two items"
        elif self.every is not None and self.every > LONGEST_STEP and (self.between or self.days != EVERY_DAY):
            yield ("every",), "must be at most 24h, because it begins anew on each of the days; to start once a day, use at"


class SurgeSettings(Section):
    """When an account that suddenly sends far more than it ever did is held."""

    enabled: bool = Field(True, description="false lets everybody send as much as they like.")
    factor: float = Field(4.0, ge=1.5, le=1000, description="So many times the most so far is a surge.")
    least_hour: int = Field(100, ge=1, description="Recipients within an hour that are never a surge.")
    least_day: int = Field(500, ge=1, description="Recipients within 24 hours that are never a surge.")

    def rule(self) -> SurgeRule:
        """The rule that they make."""
        return SurgeRule(self.factor, self.least_hour, self.least_day)

    def checks(self) -> Iterator[tuple[Location, str]]:
        """A day has all of its hours."""
        if self.least_day < self.least_hour:
            yield ("least_day",), "must be at least least_hour"
