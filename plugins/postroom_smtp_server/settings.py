"""What an administrator sets for the SMTP services."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from postroom.config.addresses import HostName
from postroom.config.schema import PluginSettings, ServiceSettings
from postroom.config.types import Duration, Pause, Size


class SmtpService(ServiceSettings):
    """One SMTP service."""

    hostname: HostName | None = Field(None, description="The name in the banner of this service; null takes server.hostname.")
    max_message_size: Size = Field(50 << 20, description="The largest message that is taken (SIZE).")
    max_recipients: int = Field(1000, ge=100, le=100_000, description="Recipients of one message (RFC 5321 wants at least 100).")
    max_messages: int = Field(10_000, ge=1, le=1_000_000, description="Messages of one connection; then the client must connect anew.")
    max_hops: int = Field(30, ge=5, le=200, description="A message with more Received lines than this is going in circles.")
    helo_refuse: list[Annotated[str, Field(min_length=1)]] = Field([], description="Refuse clients whose HELO name contains one of these.")
    refuse_percent_addresses: bool = Field(
        True, description="Refuse strangers' mail to addresses such as user%elsewhere.example@here.example (also with ! or @)."
    )
    disable_dsn: bool = Field(False, description="Do not offer delivery status notifications (RFC 3461).")
    early_talker: Literal["refuse", "allow"] = Field("refuse", description="What happens to clients that speak before the greeting.")
    greeting_pause: Pause = Field(
        0.0, ge=0, le=60, description="Wait so long for early talkers before the greeting; no_auth addresses do not wait."
    )
    no_auth_suffices: bool = Field(False, description="Where auth is required, addresses whose access rule says no_auth need no login.")
    idle_timeout: Duration = Field(300.0, description="Silence after which a session ends (RFC 5321 wants 5 minutes).")


class Settings(PluginSettings):
    """The section ``smtp_server``."""

    services: list[SmtpService] = Field(
        [
            SmtpService(id=1, name="SMTP", listen=["127.0.0.1:2525"], encryption="starttls", auth="optional"),
            SmtpService(id=2, name="Submission", listen=["127.0.0.1:2587"], encryption="starttls", auth="required"),
            SmtpService(id=3, name="SMTPS", listen=["127.0.0.1:2465"], encryption="tls", auth="required"),
        ],
        description="The listening services, each with an id and name of its own.",
    )
