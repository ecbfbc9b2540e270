"""Types of settings: what is understood, and what the words of a refusal are."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.config.addresses import Bind, parse_listen, parse_name_server, parse_server
from postroom.config.connections import ConnectionSettings
from postroom.config.schema import PluginSettings, ServiceSettings
from postroom.config.types import database_url, parse_duration, parse_network, parse_schedule, parse_size, parse_sources


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("2h", 7200), ("3d", 259200), ("1w", 604800), ("1.5h", 5400), ("250ms", 0.25), (" 5 m ", 300)],
)
def test_a_duration_is_read_as_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("value", ["", "5", 5, "m", "5 minutes", "-5m", "1h30m", None, True, "99999w", [5]])
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(value)


@pytest.mark.parametrize(
    ("value", "size"), [("10MB", 10 << 20), ("512KB", 512 << 10), ("1gb", 1 << 30), ("100", 100), (100, 100), ("1.5KB", 1536)]
)
def test_a_size_is_read_as_bytes(value: object, size: int) -> None:
    assert parse_size(value) == size


@pytest.mark.parametrize("value", ["", "0", 0, -1, True, "10 bits", "MB", None, "0.0001B"])
def test_what_is_no_size_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_size(value)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////var/lib/postroom.db",
        "postgresql://u:p@127.0.0.1:5432/x",
        "postgresql://u:a%40b%20c@[::1]:5432/x?sslmode=require",
        "postgresql://u:p#?:q@db1:5432,db2/x",
        "postgresql://postgres@/x?host=/run/postgresql",
        "postgres:///x",
    ],
)
def test_urls_of_databases_are_taken(url: str) -> None:
    assert database_url(url) == url


@pytest.mark.parametrize("password", ["sec ret", "sec@ret", "sec/ret", "sec%ret"])
def test_a_password_that_would_be_misread_is_refused_and_not_told(password: str) -> None:
    with pytest.raises(ValueError, match="are written %40") as caught:
        database_url(f"postgresql://u:{password}@db.example.test:5432/x")
    assert "sec" not in str(caught.value)


def test_a_retry_schedule_repeats_its_steps() -> None:
    assert parse_schedule("1m, 5m*2, 15m,1h*3") == (60, 300, 300, 900, 3600, 3600, 3600)


def test_a_retry_schedule_may_be_a_list() -> None:
    assert parse_schedule(["1m", "5m*2"]) == (60, 300, 300)


@pytest.mark.parametrize("value", ["", ",", "1m,", "5m*0", "5m*x", "5m*5000", "0s", 5, [], "*2", None])
def test_what_is_no_retry_schedule_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"schedule|step"):
        parse_schedule(value)


@pytest.mark.parametrize(
    ("text", "bind"),
    [
        ("127.0.0.1:25", Bind("127.0.0.1", 25)),
        ("[::1]:25", Bind("::1", 25)),
        ("[0::0]:25", Bind("::", 25)),
        ("localhost:0", Bind("localhost", 0)),
        ("unix:/run/lmtp.sock", Bind(path="/run/lmtp.sock")),
    ],
)
def test_a_listen_address_is_taken_apart_and_put_together_again(text: str, bind: Bind) -> None:
    assert parse_listen(text) == bind
    assert parse_listen(str(bind)) == bind


@pytest.mark.parametrize(
    "text", ["", "25", ":25", "host", "::1:25", "[::1]", "[::g]:25", "1.2.3:25", "1.2.3.400:25", "host:99999", "a b:25", "unix:"]
)
def test_what_is_no_listen_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|has 1 to"):
        parse_listen(text)


@given(st.text())
def test_no_text_makes_a_listen_address_fail_otherwise(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_listen(str(parse_listen(text)))


def test_a_server_without_a_port_gets_the_default_one() -> None:
    assert parse_server("smtp.isp.test", 25) == ("smtp.isp.test", 25)
    assert parse_server("[2001:db8::1]:587", 25) == ("2001:db8::1", 587)


@pytest.mark.parametrize(
    ("text", "server"), [("192.0.2.53", "192.0.2.53:53"), ("192.0.2.53:5353", "192.0.2.53:5353"), ("2001:db8::53", "[2001:db8::53]:53")]
)
def test_a_name_server_may_have_a_port(text: str, server: str) -> None:
    assert parse_name_server(text) == server


def test_a_network_is_brought_into_its_canonical_form() -> None:
    assert parse_network("10.1.2.3/8") == "10.0.0.0/8"
    assert parse_network("192.0.2.7") == "192.0.2.7/32"


def test_access_rules_take_words_and_networks_alone_or_in_lists() -> None:
    assert parse_sources("loopback") == ("loopback",)
    assert parse_sources(["any", "10.0.0.0/8"]) == ("any", "10.0.0.0/8")


def test_settings_cannot_be_changed_after_the_start() -> None:
    with pytest.raises(ValueError, match="frozen"):
        ConnectionSettings(name="One").name = "Two"


def test_the_addresses_of_all_services_are_opened_for_a_plugin() -> None:
    class Settings(PluginSettings):
        services: list[ServiceSettings]

    one = ServiceSettings(id=1, name="One", listen=["127.0.0.1:1"])
    two = ServiceSettings(id=2, name="Two", listen=["127.0.0.1:2", "[::1]:2"])
    assert Settings(services=[one, two]).listening() == ["127.0.0.1:1", "127.0.0.1:2", "[::1]:2"]
