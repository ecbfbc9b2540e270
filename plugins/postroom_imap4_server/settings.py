"""What an administrator sets for the IMAP4 services (VPOP3: IMAP4 Server, General and Advanced)."""

from __future__ import annotations

from pydantic import Field

from postroom.config.schema import PluginSettings, ServiceSettings
from postroom.config.types import Duration, Pause, Size

LEAST_IDLE = 1_800.0  # seconds; RFC 9051 section 5.4: an autologout timer of at least 30 minutes after the login


class Imap4Service(ServiceSettings):
    """One IMAP4 service."""

    max_message_size: Size = Field(50 << 20, description="The largest message that a client may put into a folder (APPENDLIMIT).")
    message_limit: int = Field(
        1_000_000, ge=1_000, description="Messages that one command may work on (MESSAGELIMIT); clients go on with the rest."
    )
    fake_access: bool = Field(
        False,
        description="Show folders that a user may not use, #users and #users/NAME as empty folders, so that what is below can be reached.",
    )
    keep_dates_and_flags: bool = Field(True, description="Copies of messages keep their internal date and flags.")
    idle: bool = Field(True, description="Offer IDLE: clients hear of new mail at once instead of asking every few minutes.")
    notify: bool = Field(True, description="Offer NOTIFY: clients hear of changes in several folders over one connection.")
    compress: bool = Field(True, description="Offer COMPRESS=DEFLATE: less to transfer for more work and memory.")
    max_failed_logins: int = Field(3, ge=1, le=100, description="Failed logins after which a session ends.")
    max_logins_per_user: int = Field(20, ge=1, description="Sessions of one user at a time; a mail client takes about five.")
    max_logins_per_address: int = Field(
        50, ge=1, description="Sessions with a login from one client address at a time; loopback and no_auth are exempt."
    )
    login_timeout: Duration = Field(60.0, description="Silence after which a session ends that has not logged in.")
    idle_timeout: Pause = Field(
        1_860.0, ge=LEAST_IDLE, description="Silence after which a session ends; at least 30m, clients repeat IDLE every 29 minutes."
    )


class Settings(PluginSettings):
    """The section ``imap4_server``."""

    services: list[Imap4Service] = Field(
        [
            Imap4Service(id=1, name="IMAP4", listen=["127.0.0.1:2143"], encryption="starttls"),
            Imap4Service(id=2, name="IMAP4S", listen=["127.0.0.1:2993"], encryption="tls"),
        ],
        description="The listening services, each with an id and name of its own.",
    )
