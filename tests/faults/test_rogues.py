"""Every misbehaviour of a server at every stage, by all three senders of one server: outcome, words, trace, memory."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from postroom import ids
from postroom.store.traces import Traces
from postroom.wire.certificates import self_signed
from tests.faults.memory import MB, watched
from tests.faults.rogues import Rogue, Rogues
from tests.interop.programs import message, wait_until
from tests.nameserver import NameServer
from tests.server import ROOT, Server, serving

GREETING = "S: 220 mx.test\nC: EHLO *\n"
MAIL, RCPT, DATA = "C: MAIL *\nS: 250 Ok\n", "C: RCPT *\nS: 250 Ok\n", "C: DATA\nS: 354 Go\n!message\n"
READY = f"{GREETING}S: 250 mx.test\n"
GOOD = f"{READY}{MAIL}{RCPT}{DATA}S: 250 2.0.0 Taken\n!hang"
STAGES = {  # what has happened before
    "the greeting": "",
    "EHLO": GREETING,
    "MAIL": f"{READY}C: MAIL *\n",
    "RCPT": f"{READY}{MAIL}C: RCPT *\n",
    "DATA": f"{READY}{MAIL}{RCPT}C: DATA\n",
    "the message": f"{READY}{MAIL}{RCPT}{DATA}",
}
FLOOD = 1 << 20  # bytes of a reply
TROUBLES = {  # what the server does instead of an answer, and what is said of it
    "hangs": ("!hang", "did not answer"),
    "cuts": ("!close", "closed the connection"),
    "stops in the middle": ("!raw 250 half", "closed the connection"),
    "answers bytes": (r"!raw \x00\xff\r\n", "not an SMTP reply"),
    "answers an impossible code": (r"!raw 999 What\r\n", "not an SMTP reply"),
    "answers two codes": ("S: 250-one\nS: 550 two", "two codes"),
    "answers a line of a megabyte": (f"!raw {'x' * FLOOD}\n!hang", "octets"),
    "answers a megabyte of lines": (f"!raw {('250-' + 'x' * 500 + chr(92) + 'r' + chr(92) + 'n') * (FLOOD // 500)}\n!hang", "octets"),
    "answers 421": ("S: 421 4.3.2 Because", "Because"),
    "answers 451": ("S: 451 4.3.0 Because\n!hang", "Because"),
    "answers 554": ("S: 554 5.7.1 Because\nC: HELO *\nS: 554 5.7.1 Because\n!hang", "Because"),
}


@dataclass
class Case:
    """A misbehaviour; ``scripts`` of its connections, and what the trace says of a recipient: the event, and words."""

    name: str
    scripts: Sequence[str]
    event: str
    words: str
    stage: str = ""
    hangs: bool = False
    direct: tuple[str, str] | None = None  # event and words of a sender that goes on without TLS


def at_stage(stage: str, trouble: str) -> Case:
    """The refusal of a session says nothing about the message."""
    script, words = TROUBLES[trouble]
    final = trouble == "answers 554" and stage not in ("the greeting", "EHLO")
    shown = "" if "Because" in words and stage == "the greeting" else stage  # it "refuses the connection" then
    return Case(f"{trouble} at {stage}", [STAGES[stage] + script], "failed" if final else "deferred", words, shown, trouble == "hangs")


OFFER = f"{GREETING}S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\n"
INJECTED = r"!raw 220 Go\r\n250-mx.test\r\n250 PIPELINING\r\n250 Ok\r\n250 Ok\r\n354 Go\r\n250 Lost\r\n"
REFUSING = f"C: EHLO *\nS: 250 mx\n{MAIL}C: RCPT *\nS: 550 5.1.1 No\n!hang"
CLEAR = ("delivered", "250 2.0.0 Taken")
CASES = [
    *(at_stage(stage, trouble) for trouble in TROUBLES for stage in STAGES),
    Case("closes after its 250", [f"{STAGES['the message']}S: 250 2.0.0 Taken\n!close"], *CLEAR),
    Case("refuses the STARTTLS that it offers", [f"{OFFER}S: 454 4.7.0 No TLS\n{MAIL}{RCPT}{DATA}S: 250 2.0.0 Taken"], *CLEAR),
    Case("cuts in the handshake", [f"{OFFER}S: 220 Go\n!close", GOOD], "deferred", "TLS handshake", direct=CLEAR),
    Case("talks in the handshake", [f"{OFFER}S: 220 Go\n!octets 5\n!raw 250 Hello\\r\\n\n!hang", GOOD], "deferred", "TLS", direct=CLEAR),
    Case("answers bytes to STARTTLS", [f"{OFFER}!raw \\xff\\r\\n\n!hang", GOOD], "deferred", "not an SMTP reply", direct=CLEAR),
    Case("injects text before TLS", [f"{OFFER}{INJECTED}\n!tls\n{REFUSING}", GOOD], "deferred", "TLS", direct=CLEAR),
]
NAMES = [case.name for case in CASES]
WAYS = {"relay": 1, "lan": 2, "direct": 3}  # the third number of the addresses of a way's servers
PATIENT, SHORT = dict.fromkeys(("connect", "greeting", "command", "data", "block", "end"), "30s"), "4s"
IMPATIENT = dict.fromkeys(PATIENT, SHORT)
NEVER = {"schedule": "1h", "unreachable": "1h"}  # no second attempt while the tests last


def host(way: str, number: int) -> str:
    return f"127.0.{WAYS[way]}.{number + 1}"


def settings(names: NameServer, port: int) -> dict[str, Any]:
    """A relay for each case, a rule of LAN forwarding for each, and two direct senders: one has no time for those that hang."""
    relays = [
        {"name": f"Relay {number}", "servers": [f"{host('relay', number)}:{port}"], "timeouts": IMPATIENT if case.hangs else PATIENT}
        for number, case in enumerate(CASES)
    ]
    channels = {f"relay{number}.test": f"Relay {number}" for number in range(len(CASES))}
    channels |= {f"direct{number}.test": "Impatient" for number, case in enumerate(CASES) if case.hangs}
    rules = [{"addresses": f"*@lan{number}.test", "server": f"{host('lan', number)}:{port}"} for number in range(len(CASES))]
    direct = {"port": port, "dns_servers": [names.address], "tls": {"mta_sts": False}, "retry": NEVER}
    rest = {"encryption": "starttls-if-available", "verify": False, "retry": NEVER}
    return {
        "server": {"stop_timeout": "500ms"},  # some do not even answer QUIT
        "plugin_dirs": [str(ROOT / "tests" / "interop" / "plugins")],
        "plugins": {
            "by_domain": {"channels": channels},
            "lan_forwarding": {"rules": rules, "retry": NEVER, "concurrency": 20, "timeouts": IMPATIENT},
            "local_delivery": {},
            "smtp_relay": {"senders": [one | rest for one in relays]},
            "smtp_direct": {
                "tls_reports": {"enabled": False},
                "senders": [{"name": "Direct", **direct, "timeouts": PATIENT}, {"name": "Impatient", **direct, "timeouts": IMPATIENT}],
            },
            "smtp_server": {"services": [{"id": 1, "name": "SMTP", "listen": ["127.0.0.1:0"], "auth": "optional"}]},
            "pop3_server": None,
            "imap4_server": None,
        },
        "connections": [{"name": "Internet", "sender": "Direct", "default": True, "immediate": True}],
    }


@dataclass
class Seen:
    """What came of all of them."""

    server: Server
    rogues: Rogues
    growth: int  # bytes of the worker's memory, at its highest
    told: dict[tuple[str, str], list[tuple[str, dict[str, Any]]]] = field(default_factory=dict)  # (case, way) → events

    def at(self, name: str, way: str) -> Rogue:
        """One of the servers."""
        return self.rogues.rogues[host(way, NAMES.index(name))]


def send(server: Server) -> dict[str, str]:
    """A message to the three servers of each case; its trace id by the name of the case."""
    traces = {}
    with smtplib.SMTP("127.0.0.1", server.ports["SMTP"], "client.example", timeout=60) as client:
        for number, case in enumerate(CASES):
            client.ehlo_or_helo_if_needed()
            client.mail("bob@example.test")
            for way in WAYS:
                client.rcpt(f"joe@{way}{number}.test")
            traces[case.name] = client.data(message())[1].decode().split()[-1]
    return traces


def collect(seen: Seen, traces: dict[str, str]) -> None:
    """Wait until each recipient has an outcome."""
    with seen.server.database() as database:

        def life(trace: str) -> list[tuple[str, dict[str, Any]]]:
            events = Traces(database).life(ids.parse(trace))
            found = [(event.event, one) for event in events for one in event.detail.get("to", ()) if event.event != "accepted"]
            return found if len({one["rcpt"] for _, one in found}) == len(WAYS) else []

        for number, (name, trace) in enumerate(traces.items()):
            for event, one in wait_until(partial(life, trace), lambda: seen.server.log[-3000:]):
                way = one["rcpt"].removeprefix("joe@").removesuffix(f"{number}.test")
                seen.told.setdefault((name, way), []).append((event, one))


@pytest.fixture(scope="session")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """All of it at once."""
    folder = tmp_path_factory.mktemp("rogues")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(folder, "mx.test"))
    zone: dict[str, dict[str, list[str]]] = {}
    for number in range(len(CASES)):
        zone |= {f"direct{number}.test": {"MX": [f"10 mx{number}.test."]}, f"mx{number}.test": {"A": [host("direct", number)]}}
    scripts = {host(way, number): case.scripts for way in WAYS for number, case in enumerate(CASES)}
    with ExitStack() as stack:
        names, rogues = stack.enter_context(NameServer(zone)), stack.enter_context(Rogues(scripts, context))
        server = stack.enter_context(serving(folder / "server", settings(names, rogues.port), {"bob": "secret"}))
        [worker] = server.workers()
        with watched(worker) as growth:
            found = Seen(server, rogues, 0)
            collect(found, send(server))
        found.growth = growth.most
        assert server.workers() == [worker]
        yield found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NAMES)
def test_a_server_that_misbehaves_has_its_outcome_and_its_words_in_the_trace(seen: Seen, name: str, way: str) -> None:
    case = CASES[NAMES.index(name)]
    event, words = case.direct if way == "direct" and case.direct else (case.event, case.words)
    [(found, told)] = seen.told[name, way]
    assert found == event, told
    assert words in told["reply"], told
    assert case.stage in told["reply"] or told.get("how", "").startswith(case.stage), told
    assert host(way, NAMES.index(name)) in told["server"], told


@pytest.mark.parametrize("way", WAYS)
def test_what_was_taken_comes_once_and_what_was_not_is_not_said_to_be(seen: Seen, way: str) -> None:
    delivered = {name for (name, by), events in seen.told.items() if by == way and events[0][0] == "delivered"}
    expected = {case.name for case in CASES if (case.direct if way == "direct" and case.direct else (case.event, ""))[0] == "delivered"}
    assert delivered == expected
    assert [seen.at(name, way).heard.count("DATA") for name in sorted(delivered)] == [1] * len(delivered)


@pytest.mark.parametrize("way", WAYS)
def test_what_was_injected_before_tls_answers_nothing(seen: Seen, way: str) -> None:
    """Everything that is said afterwards waits for its own answer: here nothing, or on a new connection a whole transaction."""
    commands = [line[:4] for line in seen.at("injects text before TLS", way).heard]
    assert commands[:6] == ["EHLO", "STAR", *(["EHLO", "MAIL", "RCPT", "DATA"] if way == "direct" else [])]
    [(_, told)] = seen.told["injects text before TLS", way]
    assert "Lost" not in told["reply"]


def test_replies_without_end_cost_little_memory(seen: Seen) -> None:
    """36 of a megabyte each, most of them at once."""
    print(f"{seen.growth / MB:.1f} MB")
    assert seen.growth < 12 * MB


def test_people_hear_what_has_failed_for_good(seen: Seen) -> None:
    failed = [(name, way) for (name, way), events in seen.told.items() if events[0][0] == "failed"]
    reports = seen.server.wait_for_mail("bob", len({name for name, _ in failed}))
    told = "".join(report.decode() for report in reports)
    assert not [one for one in failed if f"rfc822; joe@{one[1]}{NAMES.index(one[0])}.test" not in told]


def test_nothing_of_it_is_a_fault_of_ours(seen: Seen) -> None:
    assert not re.search(r"\.bug|\.broken|Traceback|plugin\.fault", seen.server.log)
