"""The same dialogues against listening servers, each file on a service with the settings that it names."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.dialogue import run_on_socket
from tests.house import House, client_address, dialogues, proxied, settings_of

DIALOGUES = dialogues("smtp")


def test_the_server_talks_as_written(house: House) -> None:
    """All of them at the same time, as clients do."""

    def talk(number: int, name: str) -> str:
        dialogue = DIALOGUES[name]
        early = b"NOOP\r\n" if dialogue.settings.get("early") == "true" else b""
        tls = settings_of(dialogue, "service").get("encryption") == "tls"
        try:
            run_on_socket(
                dialogue, "127.0.0.1", house.port(f"smtp/{name}"), tls=tls, opening=proxied(client_address(dialogue, number)), early=early
            )
        except (AssertionError, OSError) as error:
            return f"{name}: {error}"
        return ""

    with ThreadPoolExecutor(16) as pool:
        problems = [problem for problem in pool.map(talk, range(len(DIALOGUES)), DIALOGUES) if problem]
    assert not problems, "\n".join(problems) + house.server.log[-2000:]
    assert '"session.bug"' not in house.server.log
