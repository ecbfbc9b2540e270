"""The settings of smtp_direct: one sender in the section itself, or several under ``senders``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from postroom.clients.smtp.settings import SmtpTimeouts
from postroom.config.addresses import NameServer
from postroom.config.schema import PluginSettings
from postroom.config.section import Location, Section
from postroom.config.senders import SenderSettings
from postroom.config.sending import OverrideLines
from postroom.config.types import ExistingFile, Name
from postroom.sending.overrides import Overrides
from postroom.tls_policy.reporting import ReportSettings

SHARED = ("senders", "enabled", "tls_reports")  # keys of the section that are not of one sender


class DirectTls(Section):
    """How connections to other servers are protected. What a domain's own policy demands is done whatever stands here."""

    default: Literal["opportunistic", "required", "none"] = Field(
        "opportunistic",
        description="Without a policy of the domain: opportunistic takes TLS where it is offered, with any certificate; "
        "required sends nothing without it; none does without it.",
    )
    fall_back: bool = Field(True, description="When opportunistic TLS fails, send without it over a new connection (RFC 7435).")
    dane: bool = Field(True, description="Do what TLSA records demand (RFC 7672); needs a DNS server that validates, see dns.trust_ad.")
    mta_sts: bool = Field(True, description="Do what MTA-STS policies demand (RFC 8461).")
    verify_logins: bool = Field(True, description="A server that gets a login (by an override) must have a certificate for its name.")
    ca: ExistingFile | None = Field(None, description="PEM file of the issuers to trust; null takes the system's.")


class DirectSettings(SenderSettings):
    """One sender that asks the DNS where the mail of each domain goes."""

    name: Name = Field("Direct", description="Your name for it; connections refer to it.")
    concurrency: int = Field(50, ge=1, le=1000, description="Connections at the same time, in each worker; each site gets a part of them.")
    port: int = Field(25, ge=1, le=65535, description="The port of the servers that MX records name.")
    dns_servers: list[NameServer] | None = Field(None, description="DNS servers, ip or ip:port; null takes those of the section dns.")
    dns_cache_size: int | None = Field(None, ge=100, description="Answers of the DNS to keep; null shares those of the section dns.")
    overrides: OverrideLines = Field(
        default_factory=lambda: Overrides.parse(""),
        description="For some domains other servers: lines `DOMAIN [USER:PASSWORD@]SERVER[:PORT] [$OPTION ...]`.",
    )
    tls: DirectTls = Field(default_factory=DirectTls, description="How connections are protected.")
    timeouts: SmtpTimeouts = Field(default_factory=SmtpTimeouts, description="How long to wait at each step.")


class Settings(DirectSettings, PluginSettings):
    """The section ``smtp_direct``: the settings of one sender, or ``senders`` with a list of them."""

    senders: list[DirectSettings] = Field([], description="Several senders, each with its own name, instead of one.")
    tls_reports: ReportSettings = Field(default_factory=ReportSettings, description="Daily reports to domains that want to know.")

    def checks(self) -> Iterator[tuple[Location, str]]:
        """One sender or several, not both; names are unique."""
        if not self.senders:
            yield from super().checks()
            return
        for key in sorted(self.model_fields_set.difference(SHARED)):
            yield (key,), f"{key} belongs into the items of senders, because there are several"
        names = [sender.name for sender in self.senders]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield ("senders", index, "name"), f"there is a sender {name} above; names of senders are unique"

    def all_senders(self) -> list[DirectSettings]:
        """The settings of every sender, in whichever of the two forms they were given."""
        return list(self.senders) or [self]

    def sender_names(self) -> list[str]:
        """The senders that connections may name."""
        return [sender.name for sender in self.all_senders()]
