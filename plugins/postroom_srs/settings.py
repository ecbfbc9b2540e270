"""The settings of SRS, as an administrator writes them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from postroom.config.addresses import HostName
from postroom.config.schema import PluginSettings
from postroom.config.types import LongSecret
from postroom.mail.srs import LIFE


class Settings(PluginSettings):
    """Sender rewriting for mail of others that goes on from here."""

    domain: HostName | None = Field(None, description="The domain of rewritten return paths, one of this server; null: domains.default.")
    secret: LongSecret | None = Field(None, description="What the hashes are made with; null: a key derived from secrets.key in data_dir.")
    old_secrets: list[LongSecret] = Field([], description="Secrets of before, whose return paths are still accepted.")
    days: Annotated[int, Field(ge=1, le=90)] = Field(LIFE, description="For how many days reports to a rewritten return path are taken.")
    channels: list[str] = Field(["out"], description="The queues whose mail gets it: out, and names of LAN senders.")
    bounces_only: bool = Field(True, description="Take mail to a rewritten return path only from the null sender, as reports have it.")
