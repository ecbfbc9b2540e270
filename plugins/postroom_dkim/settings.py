"""The settings of DKIM, as an administrator writes them. The keys are in the database (``postroom dkim``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from postroom.config.addresses import HostName
from postroom.config.schema import PluginSettings
from postroom.config.section import Location
from postroom.config.types import Duration
from postroom.mail.dkim.signing import NEVER, OVERSIGNED, SIGNED

FieldName = Annotated[str, Field(pattern=r"^[!-9<-~]+$", max_length=64)]  # no semicolon: it would end the list in the signature
UNSIGNABLE = NEVER | {"dkim-signature"}


class Settings(PluginSettings):
    """What is signed and how."""

    domains: list[HostName] = Field([], description="Domains of From to sign for, with their subdomains; empty: all that have keys.")
    fallback: Literal["none", "envelope", "default"] = Field(
        "none",
        description="Which key signs where the domain of From has none: no key, that of the return path's domain, or of domains.default.",
    )
    headers: list[FieldName] = Field(list(SIGNED), description="Fields that are signed where they are there.")
    oversign: list[FieldName] = Field(list(OVERSIGNED), description="Fields that nobody may add either; From is always one.")
    canonicalization: Literal["relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"] = Field(
        "relaxed/relaxed", description="The form of header and body that is signed: relaxed bears other white space."
    )
    expire: Duration | None = Field(
        None,
        description="How long a signature is valid from the moment when the message is queued: longer than queue.give_up. null: as long as "
        "its key is published.",
    )
    arc: bool = Field(True, description="Seal mail of others that goes on from here (ARC).")
    arc_domain: HostName | None = Field(None, description="The domain whose key seals; null: domains.default.")

    def checks(self) -> Iterator[tuple[Location, str]]:
        """What changes on the way cannot be signed, and From must be."""
        for key in ("headers", "oversign"):
            for index, name in enumerate(getattr(self, key)):
                if name.lower() in UNSIGNABLE:
                    yield (key, index), f"{name} is changed on the way and cannot be signed"
