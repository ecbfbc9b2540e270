"""Settings that every sender has which talks SMTP."""

from __future__ import annotations

from pydantic import Field

from ...config.section import Section
from ...config.types import Duration
from .hop import Timeouts


class SmtpTimeouts(Section):
    """How long to wait for a server at each step (RFC 5321 section 4.5.3.2)."""

    connect: Duration = Field(30.0, description="For the connection, all addresses of a server together.")
    handshake: Duration = Field(60.0, description="For the TLS handshake.")
    greeting: Duration = Field(300.0, description="For the greeting.")
    command: Duration = Field(300.0, description="For the answer to EHLO, AUTH, MAIL and RCPT.")
    data: Duration = Field(120.0, description="For the answer to DATA.")
    block: Duration = Field(180.0, description="For each block of the message to be taken.")
    end: Duration = Field(600.0, description="For the answer to the whole message.")

    def timeouts(self) -> Timeouts:
        """The same for a next hop."""
        return Timeouts(**self.model_dump())
