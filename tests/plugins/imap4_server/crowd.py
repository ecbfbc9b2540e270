"""Clients of the checker at a listening server: each gives random commands at the same time as the others, for some seconds."""

from __future__ import annotations

import contextlib
import poplib
import random
import smtplib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from .checker import Model, Truth, Violation
from .player import Line, Player, settle

ROUND_SECONDS = 0.7  # after each everybody pauses and is compared with the store
KINDS = (
    {},
    {"condstore": True, "qresync": True},
    {"condstore": True, "rev2": True},
)


@dataclass
class Crowd:
    """Where they go: the ports of the services and whose mailbox it is. ``truth``: what is in it."""

    imap: int
    smtp: int
    pop3: int
    user: str
    truth: Callable[[], Truth]
    password: str = "secret"

    def play(self, seconds: float, clients: int, seed: int) -> int:
        """Play for so long; the number of commands. Raises Violation."""
        choice = random.Random(seed)
        players = [self._player(number, random.Random(choice.random())) for number in range(clients)]
        deadline = time.monotonic() + seconds
        try:
            while time.monotonic() < deadline:
                self._round(players, min(deadline, time.monotonic() + ROUND_SECONDS), choice)
                settle(players, self.truth)
            return sum(player.commands for player in players)
        finally:
            for player in players:
                player.talk.close()

    def _player(self, number: int, choice: random.Random) -> Player:
        talk = Line(self.imap).log_in(self.user, self.password)
        player = Player(talk, choice, Model(**KINDS[number % len(KINDS)]))
        player.begin()
        return player

    def _round(self, players: list[Player], deadline: float, choice: random.Random) -> None:
        faults: list[BaseException] = []
        threads = [threading.Thread(target=_until, args=(deadline, player.step, faults)) for player in players]
        threads.append(threading.Thread(target=_until, args=(deadline, lambda: self._meddle(choice), faults)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive(), "the server does not answer"
        if faults:
            heard = "\n\n".join(b"\n".join(player.said).decode("utf-8", "replace") for player in players)
            raise Violation(f"{faults[0]}\n{heard}") from faults[0]

    def _meddle(self, choice: random.Random) -> None:
        """What others do who speak no IMAP: a message comes, or POP3 takes one away."""
        time.sleep(choice.random() * 0.1)
        if choice.random() < 0.7:
            with smtplib.SMTP("127.0.0.1", self.smtp, "client.example", timeout=20) as smtp:
                smtp.sendmail("ann@elsewhere.example", f"{self.user}@example.test", "Subject: Hello\r\n\r\nHello.\r\n")
            return
        with contextlib.suppress(poplib.error_proto), contextlib.closing(poplib.POP3("127.0.0.1", self.pop3, 20)) as pop:
            pop.user(self.user)
            pop.pass_(self.password)
            if pop.stat()[0]:
                pop.dele(1)
            pop.quit()


def _until(deadline: float, work: Callable[[], object], faults: list[BaseException]) -> None:
    try:
        while time.monotonic() < deadline and not faults:
            work()
    except BaseException as error:
        faults.append(error)
