"""The pages of the metrics plugin on listening servers: the numbers are those of all workers together."""

from __future__ import annotations

import http.client
import re
import smtplib
import time

from postroom.metrics import GATHER_SECONDS
from tests.house import House
from tests.interop.programs import message, wait_until


def get(house: House, path: str, method: str = "GET") -> tuple[int, str]:
    """Status and text of a page."""
    connection = http.client.HTTPConnection("127.0.0.1", house.port("Metrics"), timeout=20)
    connection.request(method, path)
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


def number(house: House, name: str, **labels: str) -> float:
    """The value of a metric."""
    inner = "".join(f'(?=[^}}]*{key}="{value}")' for key, value in labels.items())
    page = get(house, "/metrics")[1]
    return sum(float(found) for found in re.findall(rf"^{name}(?:\{{{inner}[^}}]*\}})? (\S+)$", page, re.MULTILINE))


def settled(house: House, name: str, **labels: str) -> float:
    """The value once all workers have told what they counted before: each keeps its counts for up to GATHER_SECONDS."""
    time.sleep(1.5 * GATHER_SECONDS)
    return number(house, name, **labels)


def deliver(house: House) -> None:
    with smtplib.SMTP("127.0.0.1", house.port("SMTP"), timeout=20) as smtp:
        smtp.sendmail("anna@client.example", "frank@example.test", message())


def test_every_worker_lives_and_is_ready(house: House) -> None:
    for _ in range(6):
        assert get(house, "/livez") == (200, "alive\n")
        assert get(house, "/readyz") == (200, "ready\n")


def test_messages_are_counted_over_all_workers(house: House) -> None:
    before = settled(house, "postroom_messages_accepted_total")
    for _ in range(9):
        deliver(house)
    wait_until(lambda: number(house, "postroom_messages_accepted_total") == before + 9)
    assert number(house, "postroom_connections_total", protocol="SMTP") >= 9
    house.server.empty("frank")


def test_what_has_not_happened_yet_is_there_as_zero(house: House) -> None:
    page = get(house, "/metrics")[1]
    assert number(house, "postroom_workers") == len(house.server.workers())
    assert "# TYPE postroom_messages_accepted_total counter" in page
    for outcome in ("delivered", "deferred", "failed"):
        assert f'postroom_deliveries_total{{outcome="{outcome}"}} ' in page


def test_failed_logins_are_counted(house: House) -> None:
    before = settled(house, "postroom_logins_total", success="false")
    with smtplib.SMTP("127.0.0.1", house.port("SMTP"), timeout=20) as smtp:
        smtp.ehlo()
        smtp.docmd("AUTH", "PLAIN AGdob3N0AHdyb25n")
    wait_until(lambda: number(house, "postroom_logins_total", success="false") == before + 1)


def test_other_pages_and_methods_are_refused(house: House) -> None:
    assert get(house, "/")[0] == 404
    assert get(house, "/metrics", "POST")[0] == 405


def test_a_scraper_may_ask_again_on_one_connection(house: House) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", house.port("Metrics"), timeout=20)
    for _ in range(3):
        connection.request("GET", "/livez")
        assert connection.getresponse().read() == b"alive\n"
    connection.close()
