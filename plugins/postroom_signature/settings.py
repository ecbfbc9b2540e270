"""The settings of message signatures, as an administrator writes them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from postroom.config.schema import PluginSettings
from postroom.config.section import Section

LONGEST_LINE = 400  # characters
BLANK = "<blank>"


def sendable(text: str) -> str:
    """The text itself; raises ValueError when it could not stand in a message."""
    if any(len(line) > LONGEST_LINE for line in text.splitlines()):
        raise ValueError(f"a line has more than {LONGEST_LINE} characters")
    if any(character < " " and character not in "\r\n\t" for character in text):
        raise ValueError("there is a control character in the text")
    return text


Text = Annotated[str, Field(max_length=65_536), AfterValidator(sendable)]


class Block(Section):
    """One signature in its two forms."""

    text: Text | None = Field(None, description=f"For plain text; null: the next place decides; {BLANK}: none.")
    html: Text | None = Field(None, description="For HTML, put before </body>; null: made of text.")


class Texts(Section):
    """The signatures of one place."""

    outgoing: Block = Field(default_factory=Block, description="For messages that leave.")
    internal: Block = Field(default_factory=Block, description="For messages that stay on this server.")


class Settings(PluginSettings):
    """What is put below the messages of users: that of the user, else that of the domain, else that of all."""

    outgoing: Block = Field(default_factory=Block, description="For messages that leave, of users without another signature.")
    internal: Block = Field(default_factory=Block, description="For messages that stay on this server, of users without another signature.")
    domains: dict[str, Texts] = Field({}, description="Signatures by the sender's domain.")
    users: dict[str, Texts] = Field({}, description="Signatures by account name.")
