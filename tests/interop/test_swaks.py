"""swaks, Debian's test tool for SMTP, delivers in every way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house import House
from tests.interop.programs import BODIES, message, run, subject, wait_until

WAYS = {
    "plain": ("SMTP", [], "ESMTP"),
    "STARTTLS": ("SMTP", ["--tls"], "ESMTPS"),
    "TLS from the start": ("SMTPS", ["--tls-on-connect", "--auth", "PLAIN"], "ESMTPSA"),
    "AUTH PLAIN": ("Submission", ["--tls", "--auth", "PLAIN"], "ESMTPSA"),
    "AUTH LOGIN": ("Submission", ["--tls", "--auth", "LOGIN"], "ESMTPSA"),
    "AUTH CRAM-MD5": ("Submission", ["--auth", "CRAM-MD5"], "ESMTPA"),
}


def deliver(house: House, service: str, options: list[str], mail: bytes, folder: Path) -> None:
    file = folder / "mail"
    file.write_bytes(mail.removesuffix(b"\r\n"))  # swaks adds a line end
    login = ["--auth-user", "bob", "--auth-password", "secret"] if "--auth" in options else []
    sender = "bob@example.test" if login else "anna@client.example"
    run(
        "swaks", "--server", "127.0.0.1", "--port", house.port(service), "--from", sender, "--to", "erin@example.test",
        "--data", f"@{file}", "--suppress-data", *options, *login,
    )  # fmt: skip


def received(house: House, user: str, mail: bytes) -> bytes:
    """The message as it lies in the INBOX."""
    wanted = subject(mail)
    return wait_until(lambda: next((each for each in house.server.inbox(user) if wanted in each), None))


@pytest.mark.parametrize("way", WAYS)
def test_swaks_delivers(house: House, way: str, tmp_path: Path) -> None:
    service, options, protocol = WAYS[way]
    mail = message(BODIES["dots"] + b"The end\r\n")
    deliver(house, service, options, mail, tmp_path)
    stored = received(house, "erin", mail)
    assert stored.endswith(mail)
    head = re.search(r"\(Postroom\) with (\w+)", stored.removesuffix(mail).decode())
    assert head is not None
    assert head[1] == protocol


def test_swaks_is_refused_with_a_wrong_password(house: House) -> None:
    output = run(
        "swaks", "--server", "127.0.0.1", "--port", house.port("Submission"), "--to", "erin@example.test", "--tls",
        "--auth", "PLAIN", "--auth-user", "frank", "--auth-password", "wrong", exits=(28,),
    )  # fmt: skip
    assert "535 5.7.8" in output


def test_msmtp_logs_in_by_scram(house: House, tmp_path: Path) -> None:
    mail = message()
    run(
        "msmtp", "--host=127.0.0.1", f"--port={house.port('Submission')}", "--user=bob",
        "--auth=scram-sha-256", "--passwordeval=echo secret",
        "--from=bob@example.test", "--tls=off", "--", "erin@example.test", feed=mail, home=tmp_path,
    )  # fmt: skip
    assert received(house, "erin", mail).endswith(mail)
