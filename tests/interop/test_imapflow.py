"""imapflow, the IMAP client of node programs: one session that uses most of what it can."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.interop.boxes import PASSWORD, Box, box
from tests.interop.programs import message

__all__ = ["box"]

HERE = Path(__file__).parent / "imapflow"
PINNED = ("package.json", "package-lock.json")


@pytest.fixture(scope="session")
def installed() -> Path:
    """A folder outside of the repository with imapflow in it; it is made once for each version."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    version = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in PINNED)).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "postroom-tests"
    folder = cache / f"imapflow-{version}"
    if not folder.exists():
        _install(cache / f"imapflow-{version}.{os.getpid()}", folder)
    return folder


def _install(draft: Path, folder: Path) -> None:
    draft.mkdir(parents=True)
    for name in PINNED:
        shutil.copy(HERE / name, draft / name)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=draft, capture_output=True, text=True, timeout=300
    )
    if done.returncode:
        shutil.rmtree(draft)
        pytest.skip(f"npm cannot install imapflow: {done.stderr.strip().splitlines()[-1:]}")
    try:
        draft.rename(folder)
    except OSError:  # another process was faster
        shutil.rmtree(draft)


def talk(installed: Path, box: Box) -> dict[str, Any]:
    """What imapflow saw."""
    command = ["node", str(HERE / "talk.mjs"), str(box.port), box.name, PASSWORD]
    done = subprocess.run(command, cwd=installed, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_imapflow_does_its_day_s_work(installed: Path, box: Box) -> None:
    mails = [message(f"{word}\r\n".encode() + b"Gr\xfc\xdfe\r\n", subject=word) for word in ("one", "two", "three", "four", "five")]
    box.fill("INBOX", mails)
    seen = talk(installed, box)
    shown(seen, mails)
    changed(seen, mails, box)


def shown(seen: dict[str, Any], mails: list[bytes]) -> None:
    """What it read is what was stored."""
    assert seen["status"]["messages"] == seen["status"]["unseen"] == seen["exists"] == 5
    assert [base64.b64decode(one["source"]) for one in seen["messages"]] == mails
    assert [one["subject"] for one in seen["messages"]] == ["one", "two", "three", "four", "five"]
    assert {one["from"] for one in seen["messages"]} == {"anna@client.example"}
    assert [one["size"] for one in seen["messages"]] == [len(mail) for mail in mails]
    assert [one["headers"].strip() for one in seen["messages"]] == [f"Subject: {one['subject']}" for one in seen["messages"]]
    assert base64.b64decode(seen["downloaded"]) == mails[0]
    assert all(re.fullmatch("M[0-9a-f]+", one["emailId"]) and re.fullmatch("T[0-9a-f]{16}", one["threadId"]) for one in seen["messages"])
    assert seen["found"] == [3]
    special = {path: use for path, use in seen["folders"] if use}
    assert special["Sent"] == "\\Sent" and special["Trash"] == "\\Trash"


def changed(seen: dict[str, Any], mails: list[bytes], box: Box) -> None:
    """What it did is what is stored."""
    inbox = box.held()
    assert [held.data for held in inbox[:3]] == [mails[0], mails[1], mails[3]]
    assert inbox[1].flags >= {"\\Flagged", "$Work"}
    assert inbox[3].data == b"Subject: meanwhile\r\n\r\nx\r\n"
    assert seen["exists_meanwhile"] == 4
    assert [held.data for held in box.held("Archive")] == [mails[2], mails[3]]
    assert (seen["moved"], seen["copied"]) == ([[3, 1]], [[4, 2]])
    [appended] = box.held("Work/Greetings")
    assert appended.data == "Subject: appended\r\n\r\nGrüße\r\n".encode()
    assert "\\Seen" in appended.flags
