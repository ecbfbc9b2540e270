"""The dialogues of tests/dialogues/smtp, against the session without a socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.dialogue import Dialogue, load, run_on_session
from tests.peers import TLS_DETAILS
from tests.plugins.smtp_server.desk import Office

FILES = sorted((Path(__file__).parents[2] / "dialogues" / "smtp").glob("*.txt"))


def settings(dialogue: Dialogue, name: str) -> dict[str, Any]:
    found = yaml.safe_load(dialogue.settings.get(name, "{}"))
    return {key: "off" if value is False and key == "auth" else value for key, value in found.items()}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_session_talks_as_written(path: Path) -> None:
    dialogue = load(path)
    office = Office(**settings(dialogue, "service"))
    facts = settings(dialogue, "client")
    if facts.pop("tls", False):
        facts["tls"] = TLS_DETAILS
    session = office.session(early=dialogue.settings.get("early") == "true", **facts)
    run_on_session(dialogue, session, kept=lambda: len(office.queue.taken))
    session.closed()
    assert not office.faults
