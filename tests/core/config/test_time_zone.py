"""Time zones by name, and the one of the machine."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.config import time_zone
from postroom.config.core_sections import ServerSettings
from tests.core.sending.refusing import refusal


def test_a_zone_is_known_by_its_name() -> None:
    assert time_zone.named(" Europe/Berlin ").key == "Europe/Berlin"


@pytest.mark.parametrize("name", ["Europe/Berlim", "Europe", "", "/etc/passwd", "../Berlin", "x\0"])
def test_another_name_is_refused_with_what_is_expected(name: str) -> None:
    with pytest.raises(ValueError, match=r"the name of a time zone is expected, such as Europe/Berlin or UTC"):
        time_zone.named(name)


def test_a_name_that_is_close_is_told() -> None:
    with pytest.raises(ValueError, match=r"did you mean Europe/Berlin\?"):
        time_zone.named("Europe/Berlim")


@given(st.text(max_size=20))
def test_any_name_is_a_zone_or_refused(name: str) -> None:
    wrong = refusal(lambda: time_zone.named(name), ValueError)
    assert wrong is None or str(wrong)


def test_the_zone_of_the_machine_is_the_variable_tz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", ":Asia/Tokyo")
    assert str(time_zone.of_system()) == "Asia/Tokyo"


def test_the_zone_of_the_machine_is_what_localtime_points_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TZ", raising=False)
    zone = tmp_path / "zoneinfo" / "Asia" / "Tokyo"
    zone.parent.mkdir(parents=True)
    zone.touch()
    (tmp_path / "localtime").symlink_to(zone)
    assert str(time_zone.of_system(tmp_path / "localtime")) == "Asia/Tokyo"


def test_without_a_hint_the_zone_is_utc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TZ", raising=False)
    assert time_zone.of_system(tmp_path / "nothing") is UTC


def test_the_configured_zone_comes_before_that_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert str(ServerSettings().zone) == "Asia/Tokyo"
    assert str(ServerSettings(time_zone="Europe/Berlin").zone) == "Europe/Berlin"


def test_python_finds_zones_even_where_the_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    import zoneinfo

    zoneinfo.reset_tzpath(to=())
    try:
        zone = zoneinfo.ZoneInfo.no_cache("Europe/Berlin")
    finally:
        zoneinfo.reset_tzpath()
    assert datetime(2026, 7, 1, tzinfo=zone).tzname() == "CEST"
