"""The section smtp_direct: one sender or several, overrides whose faults are told at their place, what is shared and what is not."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from postroom.config.core_sections import QueueSettings
from postroom.config.schema import Config
from postroom.testing import FakeResolver
from postroom_smtp_direct.plugin import Plugin, Settings
from tests.plugins.smtp_direct.direct import asker


def problems(**section: object) -> dict[str, str]:
    return {".".join(map(str, place)): words for place, words in Settings(**section).checks()}


def plugin(**section: object) -> Plugin:
    config = Config()
    context = SimpleNamespace(config=config, dns=FakeResolver(), ask=asker(), db=None, log=None, blobs=None, queue=None, clock=time.time)
    return Plugin(context, Settings(**section))  # type: ignore[arg-type]


def test_an_empty_section_is_one_sender() -> None:
    settings = Settings()
    assert settings.sender_names() == ["Direct"]
    assert not list(settings.checks())


def test_several_senders_have_names_of_their_own() -> None:
    assert Settings(senders=[{"name": "A"}, {"name": "B"}]).sender_names() == ["A", "B"]
    assert "unique" in problems(senders=[{"name": "A"}, {"name": "A"}])["senders.1.name"]


def test_both_forms_at_once_are_a_problem_but_for_what_all_share() -> None:
    found = problems(port=2525, tls_reports={"enabled": False}, senders=[{"name": "A"}])
    assert list(found) == ["port"]


@pytest.mark.parametrize("overrides", ["example.com", "example.com smtp.isp.test $what:5"])
def test_wrong_overrides_are_refused(overrides: str) -> None:
    with pytest.raises(ValidationError):
        Settings(overrides=overrides)


def test_a_sender_without_dns_settings_shares_the_common_resolver() -> None:
    made = plugin(senders=[{"name": "A"}, {"name": "B", "dns_servers": ["192.0.2.53"]}, {"name": "C", "dns_cache_size": 500}])
    first, second, third = (one.router._resolver for one in made.senders)
    assert first is made.context.dns
    assert second is not first
    assert third is not first


def test_the_rules_of_a_sender_are_its_settings() -> None:
    rules = plugin(max_message_size="1MB", smaller_first=True).senders[0].rules
    assert (rules.max_size, rules.smaller_first) == (1 << 20, True)
    assert rules.retry is not None and rules.retry.schedule == QueueSettings().retry


def test_policies_are_kept_fresh_and_reports_go_out_only_where_they_are_wanted() -> None:
    assert [job.name for job in plugin().register_jobs()] == ["sts_refresh", "tls_reports"]
    assert [job.name for job in plugin(tls={"mta_sts": False}, tls_reports={"enabled": False}).register_jobs()] == []
