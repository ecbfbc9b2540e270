"""The examples of docs/writing-a-plugin.md: their own tests pass, and a real server runs them."""

from __future__ import annotations

import smtplib
import subprocess
import sys
from pathlib import Path

import pytest

from postroom.testing import Miniature
from tests.server import environment, serving

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"
LETTER = "Subject: Hi\r\n\r\nHi.\r\n"


def test_the_tests_of_the_package_pass() -> None:
    folder = EXAMPLES / "sender_list"
    paths = environment() | {"PYTHONPATH": environment()["PYTHONPATH"] + f":{folder}", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=paths, cwd=folder, timeout=100)
    assert "9 passed" in done.stdout, done.stdout + done.stderr


def test_the_single_file_stamps_each_message(tmp_path: Path) -> None:
    with Miniature(tmp_path, {"stamp": {"header": "X-How"}}, {"plugin_dirs": [EXAMPLES / "stamp"]}) as server:
        server.add_user("alice")
        assert server.send("bob@elsewhere.example", "alice@example.test").startswith("250 ")
        assert b"\r\nX-How: SMTP plain 26 bytes\r\n" in server.mailbox("alice")[0]


def test_a_real_server_runs_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.server.environment", lambda: environment() | {"PYTHONPATH": python_path})
    python_path = environment()["PYTHONPATH"] + f":{EXAMPLES / 'sender_list'}"
    (tmp_path / "senders.txt").write_text("@junk.example\n")
    changes = {
        "plugin_dirs": [str(EXAMPLES / "stamp")],
        "plugins": {"sender_list": {"file": str(tmp_path / "senders.txt")}, "stamp": {}},
    }
    with serving(tmp_path / "server", changes, {"alice": "secret"}) as server, smtplib.SMTP("127.0.0.1", server.ports["SMTP"]) as client:
        with pytest.raises(smtplib.SMTPSenderRefused, match="550"):
            client.sendmail("x@junk.example", ["alice@example.test"], LETTER)
        client.sendmail("x@other.example", ["alice@example.test"], LETTER)
        assert b"X-Arrival: SMTP plain" in server.inbox("alice")[0]
