"""What an administrator sets for the POP3 services (VPOP3: POP3 Server, General and Advanced)."""

from __future__ import annotations

from pydantic import Field

from postroom.config.schema import PluginSettings, ServiceSettings
from postroom.config.types import Duration, Pause


class Pop3Service(ServiceSettings):
    """One POP3 service."""

    require_encrypted_auth: bool = Field(
        False,
        description="No plain password without encryption, not even from loopback; APOP, CRAM-MD5 and SCRAM are fine.",
    )
    trim_blank_lines: bool = Field(
        False,
        description="Drop blank lines at the end of messages (fix for Microsoft Internet Mail build 1160).",
    )
    hold_deleted: bool = Field(
        False,
        description="Hide messages that clients delete instead of deleting them; nothing cleans up after it.",
    )
    max_failed_logins: int = Field(3, ge=1, le=100, description="Failed logins after which a session ends.")
    login_delay: Pause = Field(
        0.0,
        ge=0,
        le=86_400,
        description="Least time between two logins of one user (LOGIN-DELAY); 0s is none.",
    )
    idle_timeout: Duration = Field(
        600.0,
        description="Silence after which a session ends (RFC 1939 wants at least 10 minutes).",
    )


class Settings(PluginSettings):
    """The section ``pop3_server``."""

    services: list[Pop3Service] = Field(
        [
            Pop3Service(id=1, name="POP3", listen=["127.0.0.1:2110"], encryption="starttls"),
            Pop3Service(id=2, name="POP3S", listen=["127.0.0.1:2995"], encryption="tls"),
        ],
        description="The listening services, each with an id and name of its own.",
    )
