"""The settings of header modifiers, as an administrator writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from postroom.config.schema import PluginSettings
from postroom.config.section import Location, Section
from postroom.mail.header_edits import LONGEST, safe

STRUCTURE = frozenset({"mime-version", "content-type", "content-transfer-encoding"})
NEEDED = frozenset({"from", "date"})  # RFC 5322 section 3.6
ADDRESSES = frozenset({"from", "sender", "reply-to", "to", "cc", "bcc"})
TRACE = frozenset({"received", "return-path"})

Pattern = Annotated[str, Field(min_length=1, max_length=320)]
Patterns = Annotated[
    list[Pattern],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}], "examples": ["*@example.test"]}),
]
FieldName = Annotated[str, Field(pattern=r"^[!-9;-~]+$", max_length=64)]


class When(Section):
    """When a rule holds: all that is given has to match. * and ? stand for anything and for one character."""

    sender: Patterns = Field([], description="The return path, one pattern or a list of which one matches.")
    recipient: Patterns = Field([], description="One of the recipients, one pattern or a list of which one matches.")
    header: dict[FieldName, Pattern] = Field({}, description="Fields and the patterns of their values, all of which match.")


class Rule(Section):
    """One change of a header field."""

    action: Literal["add", "remove", "replace", "prefix"] = Field(description="What happens to the field.")
    field: FieldName = Field(description="Its name; remove allows * and ?.")
    value: str = Field("", max_length=LONGEST, description="The value, or what is put before it; a field that exists once is added once.")
    when: When = Field(default_factory=When, description="When the rule holds; without it always.")
    mail: Literal["outgoing", "internal", "any"] = Field("outgoing", description="Messages that leave, that stay on this server, or both.")
    origin: Literal["local", "forwarded", "any"] = Field(
        "local", description="Messages of this server, of others that go on from here (their signatures may break), or both."
    )

    def checks(self) -> Iterator[tuple[Location, str]]:
        """What would make no valid message."""
        name = self.field.lower()
        if name in STRUCTURE or (name in TRACE and self.action != "remove"):
            yield ("field",), f"{self.field} cannot be changed by a rule"
        if self.action == "remove":
            if self.value:
                yield ("value",), "goes with add, replace and prefix"
            if name in NEEDED:
                yield ("field",), f"every message needs {self.field}"
            return
        if "*" in name or "?" in name:
            yield ("field",), "* and ? go with remove"
        if not self.value.strip():
            yield ("value",), f"{self.action} needs a value"
        elif not safe(self.value):
            yield ("value",), "a value is one line without control characters"
        elif name in ADDRESSES and not self.value.isascii():
            yield ("value",), "addresses are written in ASCII"


class Settings(PluginSettings):
    """The rules, obeyed one after the other."""

    rules: list[Rule] = Field([], description="Each rule sees what those before it have made.")
