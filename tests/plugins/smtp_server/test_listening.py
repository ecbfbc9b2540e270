"""The same dialogues against a listening server, each file on a service with the settings that it names."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.dialogue import Dialogue, load, run_on_socket
from tests.plugins.smtp_server.test_dialogues import FILES, settings
from tests.server import Server, serving

ERRORS = 5  # more would wait for the growing delay after errors


def fits(dialogue: Dialogue) -> bool:
    """Strangers' dialogues with few errors: the server delays and ends sessions with many, and this machine is no other's."""
    errors = sum(step.kind.startswith("S") and step.text.startswith("5") for step in dialogue.steps)
    return errors <= ERRORS and not {"client", "early", "only"} & dialogue.settings.keys()


DIALOGUES = {path.stem: dialogue for path in FILES if fits(dialogue := load(path))}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    services = [
        {"id": number, "name": name, "listen": ["127.0.0.1:0"]} | settings(dialogue, "service")
        for number, (name, dialogue) in enumerate(DIALOGUES.items(), 1)
    ]
    folder: Path = tmp_path_factory.mktemp("smtp")
    changes = {
        "access": [{"allow": "loopback"}],
        "domains": {"default": "example.test", "local": ["example.test", "münchen.test"]},
        "plugins": {"smtp_server": {"services": services}},
    }
    with serving(folder, changes, {"bob": "secret"}) as running:
        running.run("alias", "add", "jörg@münchen.test", "bob")
        yield running


def test_the_server_talks_as_written(server: Server) -> None:
    """All of them at the same time, as clients do."""

    def talk(name: str) -> str:
        try:
            run_on_socket(DIALOGUES[name], "127.0.0.1", server.ports[name])
        except (AssertionError, OSError) as error:
            return f"{name}: {error}"
        return ""

    with ThreadPoolExecutor(16) as pool:
        problems = [problem for problem in pool.map(talk, DIALOGUES) if problem]
    assert not problems, "\n".join(problems) + server.log[-2000:]
    assert '"session.bug"' not in server.log
