"""The settings of BATV, as an administrator writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from postroom.config.schema import PluginSettings
from postroom.config.section import Location
from postroom.config.types import LongSecret
from postroom.mail.batv import LIFE

KeyNumber = Annotated[int, Field(ge=0, le=9)]
Pattern = Annotated[str, Field(min_length=1, max_length=320)]


class Settings(PluginSettings):
    """Tags for the return paths of this server's own mail."""

    senders: list[Pattern] = Field(["*"], description="Whose return paths get a tag: addresses or domains; * and ? are allowed.")
    channels: list[str] = Field(["out"], description="The queues whose mail gets them: out, and names of LAN senders.")
    require: bool = Field(False, description="Refuse reports to an address without a tag, for those senders.")
    secret: LongSecret | None = Field(None, description="What the tags are made with; null: a key derived from secrets.key in data_dir.")
    key: KeyNumber = Field(0, description="The number of the key; another number makes other tags of the same secret.")
    old_keys: list[KeyNumber] = Field([], description="Numbers of before, whose tags are accepted until they end.")
    days: Annotated[int, Field(ge=1, le=90)] = Field(LIFE, description="For how many days a tag is valid.")

    def checks(self) -> Iterator[tuple[Location, str]]:
        """The key in use is no old one."""
        for index, number in enumerate(self.old_keys):
            if number == self.key:
                yield ("old_keys", index), "is the number of the key in use"
