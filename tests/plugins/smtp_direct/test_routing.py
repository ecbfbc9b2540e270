"""Where mail goes: MX records, overrides, plugins, loops, and domains that take none."""

from __future__ import annotations

import contextlib
import random
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from postroom.clients.smtp.courier import RECENT_SECONDS
from postroom.dns import DnsFailure, Resolver
from postroom.hookspecs import hookimpl
from postroom.mail.delivery import Delivered, Failed, NotNow, TryLater
from postroom.mail.sending import MxServer, ServerChoice, ServerVerdict
from postroom.provided import QueuedRecipient
from postroom.testing import FakeResolver
from postroom_smtp_direct.servers import is_routable
from tests.core.clients.smtp_peer import PIPELINING, PLAIN, Peer, outgoing
from tests.nameserver import NameServer
from tests.plugins.smtp_direct.direct import direct, table
from tests.shortages import without_descriptors

SENT = "C: MAIL *\nS: 250 Ok\nC: RCPT *\nS: 250 Ok\nC: DATA\nS: 354 Go\n!message\nS: 250 Ok\n"
BYE = "C: QUIT\nS: 221 Bye"
TWO = "C: MAIL *\nC: RCPT TO:<a@one.test>\nC: RCPT TO:<b@two.test>\nC: DATA\n" + "S: 250 Ok\n" * 3 + "S: 354 Go\n!message\nS: 250 Ok\n"


@contextlib.contextmanager
def sending(*arguments: Any, **settings: Any) -> Iterator[Any]:
    sender = direct(*arguments, **settings)
    try:
        yield sender
    finally:
        sender.close()


def result(address: str, *arguments: Any, **settings: Any) -> Any:
    with sending(*arguments, **settings) as sender:
        return sender.send(outgoing(address))[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def test_mail_goes_to_the_server_that_the_mx_record_names() -> None:
    with Peer(f"{PLAIN}{SENT}{BYE}") as peer:
        outcome = result("you@d.test", table({"d.test": [(10, "mx.d.test")]}), port=peer.port)
    assert outcome == Delivered("250 Ok", f"mx.d.test[127.0.0.1]:{peer.port}")
    assert outcome.how == "in the clear"


def test_a_domain_without_mx_records_is_its_own_server() -> None:
    with Peer(f"{PLAIN}{SENT}{BYE}") as peer:
        assert isinstance(result("you@d.test", table({}, hosts={"d.test": ["127.0.0.1"]}), port=peer.port), Delivered)


def test_an_address_literal_is_the_server() -> None:
    with Peer(f"{PLAIN}{SENT}{BYE}") as peer:
        assert isinstance(result("you@[127.0.0.1]", table({}), port=peer.port), Delivered)


def test_an_internationalized_domain_is_looked_up_by_its_a_labels() -> None:
    with Peer(f"{PLAIN}{SENT}{BYE}".replace("RCPT *", "RCPT TO:<you@xn--mnchen-3ya.test>")) as peer:
        resolver = table({"xn--mnchen-3ya.test": [(10, "mx.test")]})
        assert isinstance(result("you@münchen.test", resolver, port=peer.port), Delivered)


@pytest.mark.parametrize(
    ("resolver", "kind", "enhanced"),
    [
        (table({"d.test": [(0, "")]}), Failed, "5.1.10"),  # RFC 7505
        (table({}), Failed, "5.1.2"),
        (table({}, temporary=["d.test"]), TryLater, "4.4.3"),
        (table({"d.test": [(10, "gone.test")]}, hosts={"gone.test": []}), Failed, "5.4.4"),
        (table({"d.test": [(10, "mx.d.test")]}, temporary=["mx.d.test"]), TryLater, "4.4.3"),
        (table({"d.test": [(10, "mx.d.test")]}), Failed, "5.4.4"),  # at 127.0.0.1, port 25: not for strangers to say
        (table({"d.test": [(10, "192.0.2.1")]}), Failed, "5.4.4"),  # RFC 5321 section 5.1: an address is no host name
        (table({"d.test": [(10, "client.test"), (20, "backup.test")]}), Failed, "5.4.6"),
        (table({"d.test": [(10, "other.test"), (10, "client.test")]}), Failed, "5.4.6"),
    ],
)
def test_a_domain_that_nobody_takes_mail_for(resolver: Any, kind: type[Failed | TryLater], enhanced: str) -> None:
    outcome = result("you@d.test", resolver)
    assert isinstance(outcome, kind)
    assert outcome.reply.enhanced == enhanced
    assert "d.test" in outcome.reply.text or "gone.test" in outcome.reply.text


@pytest.mark.parametrize("domain", ["[127.0.0.1]", "[IPv6:::1]", "localhost", "0.0.0.0", "d.test"])
def test_this_machine_is_no_destination_for_strangers(domain: str) -> None:
    outcome = result(f"you@{domain}", table({"d.test": [(10, "localhost")]}))
    assert isinstance(outcome, Failed) and outcome.reply.enhanced == "5.4.4"


def test_a_failed_look_up_is_a_fault_of_the_way() -> None:
    assert result("you@d.test", table({}, temporary=["d.test"])).kind == "dns"


@pytest.mark.parametrize("known", [False, True])
def test_without_descriptors_mail_waits_and_nothing_is_held_against_its_site(known: bool) -> None:
    """Whether the question for the servers is the first that cannot be asked, or the connection."""
    with NameServer({"d.test": {"MX": ["10 mx.d.test."]}, "mx.d.test": {"A": ["192.0.2.1"]}}) as names:
        resolver = Resolver([names.address])
        resolver.mx("d.test", fresh=True)
        resolver.addresses("mx.d.test")
        with sending(resolver if known else Resolver([names.address]), tls={"dane": False}) as sender, without_descriptors():
            outcome = sender.send(outgoing("you@d.test"))[1]
            assert sender.courier.shortages._met == 1
    assert isinstance(outcome, TryLater)
    assert (outcome.kind, outcome.server, outcome.reply.enhanced) == ("answer", "", "4.3.0")
    assert "Too many open files" in outcome.reply.text


def test_an_address_that_cannot_be_asked_for_is_no_fault_of_the_server() -> None:
    class Short(FakeResolver):
        def address_records(self, host: str, *, fresh: bool = False) -> Any:
            raise DnsFailure("no socket", temporary=True, kind="local")

    outcome = result("you@d.test", Short(mx={"d.test": [(10, "mx.d.test")]}))
    assert (outcome.kind, outcome.server, outcome.reply.enhanced) == ("answer", "", "4.3.0")


def test_servers_behind_this_one_in_the_list_are_left_out() -> None:
    dead = free_port()
    resolver = table({"d.test": [(10, "mx1.test"), (20, "client.test"), (30, "mx3.test")]})
    outcome = result("you@d.test", resolver, port=dead)
    assert isinstance(outcome, TryLater)
    assert "mx1.test" in outcome.reply.text
    assert "mx3.test" not in outcome.reply.text


def test_a_server_that_calls_itself_by_our_name_is_a_loop() -> None:
    with Peer("S: 220 client.test ESMTP\nC: EHLO client.test\nS: 250 client.test at your service\n!gone") as peer:
        outcome = result("you@d.test", table({"d.test": [(10, "alias.test"), (20, "backup.test")]}), port=peer.port)
    assert isinstance(outcome, Failed)
    assert outcome.reply.enhanced == "5.4.6"
    assert "backup.test" not in outcome.reply.text


def test_the_next_server_is_tried_and_all_are_told() -> None:
    with Peer("S: 554 Not you\n!hang") as first, Peer("S: 421 Too busy\n!hang") as second:
        lines = f"d.test one.test:{first.port}\nd.test two.test:{second.port} $priority:20"
        outcome = result("you@d.test", table({}, hosts={"one.test": ["127.0.0.1"], "two.test": ["127.0.0.1"]}), overrides=lines)
    assert "one.test" in outcome.reply.text and "554 Not you" in outcome.reply.text
    assert "two.test" in outcome.reply.text and "421 Too busy" in outcome.reply.text
    assert outcome.kind == "greeting"


def test_a_delivery_by_the_second_server_says_what_was_wrong_with_the_first() -> None:
    dead = free_port()
    with Peer(f"{PLAIN}{SENT}{BYE}") as peer:
        lines = f"d.test one.test:{dead}\nd.test two.test:{peer.port} $priority:20"
        outcome = result("you@d.test", table({}, hosts={"one.test": ["127.0.0.1"], "two.test": ["127.0.0.1"]}), overrides=lines)
    assert isinstance(outcome, Delivered)
    assert f"before: one.test[127.0.0.1]:{dead} cannot be reached: Connection refused" in outcome.how


def test_an_override_may_name_a_server_that_only_the_system_knows() -> None:
    class HostsFile(FakeResolver):
        def _ask_system(self, host: str) -> list[str]:
            return ["127.0.0.1"] if host == "mail" else super()._ask_system(host)

    with Peer(f"{PLAIN}{SENT}{BYE}") as peer:
        assert isinstance(result("you@d.test", HostsFile(), overrides=f"* mail:{peer.port}"), Delivered)


def test_a_server_that_an_override_names_wrongly_does_not_send_the_mail_back() -> None:
    outcome = result("you@d.test", table({}), overrides="* nowhere.test")
    assert isinstance(outcome, TryLater)
    assert (outcome.kind, outcome.reply.enhanced) == ("dns", "4.4.3")


def test_an_override_with_a_login_logs_in() -> None:
    login = "S: 220 isp\nC: EHLO client.test\nS: 250-isp\nS: 250 AUTH PLAIN\nC: AUTH PLAIN AGZyZWQAczpAY3JldA==\nS: 235 Ok\n"
    with Peer(f"{login}{SENT}{BYE}") as peer:
        assert isinstance(result("you@d.test", table({}), overrides=f"* fred:s:@cret@127.0.0.1:{peer.port}"), Delivered)


class WithTls:
    """A plugin that wants TLS everywhere."""

    @hookimpl
    def server_tls(self, encryption: str) -> str:
        return "starttls"


def test_a_plugin_is_asked_about_the_tls_of_a_server_with_a_login_too() -> None:
    with Peer("S: 220 isp\nC: EHLO client.test\nS: 250-isp\nS: 250 AUTH PLAIN\n!gone") as peer:
        outcome = result("you@d.test", table({}), WithTls(), overrides=f"* fred:s:@cret@127.0.0.1:{peer.port}")
    assert isinstance(outcome, TryLater) and outcome.kind == "tls"


def test_servers_of_overrides_with_equal_priority_take_turns_as_those_of_mx_records_do() -> None:
    lines = "d.test one.test\nd.test two.test\nd.test first.test $priority:5"
    with sending(table({}), overrides=lines) as sender:
        sender.router._shuffle = list.reverse
        servers = sender.router.destination("d.test", outgoing("you@d.test")).servers
    assert [one.host for one in servers] == ["first.test", "two.test", "one.test"]


def test_the_order_in_which_a_plugin_names_servers_stays() -> None:
    servers = tuple(MxServer(f"{name}.test") for name in ("one", "two", "three"))
    with sending(table({}), Choosing(ServerChoice(servers=servers))) as sender:
        sender.router._shuffle = list.reverse
        assert sender.router.destination("d.test", outgoing("you@d.test")).servers == servers


def test_an_override_may_depend_on_the_sending_user() -> None:
    with Peer(f"{PLAIN}{SENT}{BYE}") as peer, sending(table({}), overrides=f"* 127.0.0.1:{peer.port} $user:bob") as sender:
        assert isinstance(sender.send(outgoing("you@d.test", user="bob"))[1], Delivered)
        assert isinstance(sender.send(outgoing("you@d.test", user="eve"))[1], Failed)


@pytest.mark.parametrize(("attempts", "last_try", "failing"), [(0, 0.0, 0.0), (1, 50.0, 100.0), (0, 50.0, 100.0)])
def test_what_had_to_wait_for_a_server_that_is_away_counts_as_failing_like_what_was_tried(
    attempts: int, last_try: float, failing: float
) -> None:
    message = replace(outgoing("you@d.test"), recipients=(QueuedRecipient(1, "you@d.test", attempts=attempts, last_try=last_try),))
    with sending(table({})) as sender:
        sender.router._clock = lambda: 1100.0
        assert sender.router.question("d.test", replace(message, queued_at=1000.0)).failing == failing


def test_domains_with_the_same_servers_share_a_transaction_and_a_site() -> None:
    resolver = table({"one.test": [(10, "mx.test")], "two.test": [(10, "mx.test")]})
    with Peer(f"{PIPELINING}{TWO}{BYE}") as peer, sending(resolver, port=peer.port) as sender:
        assert sender.site("a@one.test") == "one.test"  # nothing is known yet
        outcomes = sender.send(outgoing("a@one.test", "b@two.test"))
        assert {type(one) for one in outcomes.values()} == {Delivered}
        assert sender.site("c@ONE.test") == sender.site("d@two.test") == f"mx.test:{peer.port}"


def test_servers_on_different_ports_and_with_different_logins_are_different_sites() -> None:
    lines = "a.test one.test\nb.test one.test:2525\nc.test fred:x@one.test"
    with sending(table({}), overrides=lines) as sender:
        sites = [sender.router.destination(domain, outgoing(f"you@{domain}")).site for domain in ("a.test", "b.test", "c.test")]
    assert sites == ["one.test", "one.test:2525", "fred@one.test"]


def test_the_site_is_that_of_the_server_that_an_override_names_for_the_message() -> None:
    """A dead server for the mail of one user must not hold back that of others."""
    with Peer(f"{PLAIN}{SENT}{BYE}") as peer, sending(table({}), overrides=f"* 127.0.0.1:{peer.port} $user:bob") as sender:
        message = outgoing("you@d.test", user="bob")
        assert isinstance(sender.send(message)[1], Delivered)
        assert sender.site_for(message) == f"127.0.0.1:{peer.port}"
        assert sender.site_for(outgoing("you@d.test", user="eve")) == "d.test"


def test_of_very_many_servers_eight_are_tried_and_all_of_them_are_one_site() -> None:
    dead = free_port()
    resolver = table({"d.test": [(10, f"mx{number}.d.test") for number in range(200)]})
    resolver._shuffle = random.shuffle
    with sending(resolver, port=dead) as sender:
        outcome = sender.send(outgoing("you@d.test"))[1]
        sites = {sender.router.destination("d.test", outgoing("you@d.test")).site for _ in range(3)}
        words = sender.explain(outgoing("you@d.test"))
    assert isinstance(outcome, TryLater) and outcome.reply.text.count(" cannot be reached") == 8
    assert len(sites) == 1 and len(sites.pop()) <= 200
    assert words[-1] == "and 192 more: an attempt tries 8, the next one others"


def nine(*, dead: list[str]) -> FakeResolver:
    """A domain with nine servers, of which the last alone may work."""
    names = [f"mx{number}.d.test" for number in range(1, 10)]
    return table({"d.test": list(enumerate(names))}, hosts=dict.fromkeys(names[:8], dead) | {names[8]: ["127.0.0.1"]})


def test_behind_eight_dead_servers_the_next_attempt_goes_on_and_later_mail_begins_there() -> None:
    with Peer(f"{PLAIN}{SENT}{SENT}{BYE}") as peer, sending(nine(dead=["127.0.0.9"]), port=peer.port) as sender:
        outcomes = [sender.send(outgoing("you@d.test"))[1] for _ in range(3)]
    assert isinstance(outcomes[0], TryLater) and "1 more server is left for the next attempt" in outcomes[0].reply.text
    assert [type(one) for one in outcomes[1:]] == [Delivered, Delivered]
    assert outcomes[2].how == "in the clear"


def test_the_trace_does_not_take_servers_that_were_left_for_some_that_failed() -> None:
    """Those that failed lately are tried after all the others."""
    resolver = nine(dead=["127.0.0.9"])
    with Peer(f"{PLAIN}{SENT}{BYE}") as peer, sending(resolver, port=peer.port) as sender:
        sender.send(outgoing("you@d.test"))
        resolver.hosts["mx1.d.test"] = ["127.0.0.1"]
        sender.rounds._known.clear()
        sender.courier._clock = lambda: time.monotonic() + RECENT_SECONDS
        outcome = sender.send(outgoing("you@d.test"))[1]
    assert isinstance(outcome, Delivered)
    assert outcome.how == "in the clear"


def test_eight_servers_that_do_not_exist_send_no_mail_back_while_there_is_a_ninth() -> None:
    with Peer(f"{PLAIN}{SENT}{BYE}") as peer, sending(nine(dead=[]), port=peer.port) as sender:
        first = sender.send(outgoing("you@d.test"))[1]
        assert isinstance(first, TryLater) and first.kind == "answer"  # nothing is said about a site of which a part was not tried
        assert isinstance(sender.send(outgoing("you@d.test"))[1], Delivered)


def test_a_connection_is_used_for_other_domains_with_the_same_server() -> None:
    resolver = table({"one.test": [(10, "mx.test")], "two.test": [(20, "mx.test")]})
    with Peer(f"{PLAIN}{SENT}{SENT}{BYE}") as peer, sending(resolver, port=peer.port) as sender:
        assert isinstance(sender.send(outgoing("a@one.test"))[1], Delivered)
        assert isinstance(sender.send(outgoing("b@two.test"))[1], Delivered)


def test_the_fate_of_one_domain_is_not_that_of_another() -> None:
    with Peer(f"{PLAIN}{SENT}{BYE}") as peer, sending(table({"one.test": [(10, "mx.test")]}), port=peer.port) as sender:
        outcomes = sender.send(outgoing("a@one.test", "b@gone.test"))
    assert {number: type(one) for number, one in outcomes.items()} == {1: Delivered, 2: Failed}


class Choosing:
    """A plugin that has its own mind about servers."""

    def __init__(self, choice: ServerChoice | None = None, verdict: ServerVerdict | None = None) -> None:
        self.choice, self.verdict = choice, verdict
        self.seen: list[ServerChoice] = []

    @hookimpl
    def server_choice(self, domain: str, outgoing: Any, choice: ServerChoice) -> ServerChoice | None:
        self.seen.append(choice)
        return self.choice

    @hookimpl
    def check_server(self, domain: str, server: str, outgoing: Any, verdict: ServerVerdict) -> ServerVerdict | None:
        return self.verdict if server == "mx.d.test" else None


def test_a_plugin_may_choose_the_servers() -> None:
    with Peer(f"{PLAIN}{SENT}{BYE}") as peer:
        plugin = Choosing(ServerChoice(servers=(MxServer("127.0.0.1", peer.port),)))
        assert isinstance(result("you@d.test", table({}), plugin), Delivered)
    assert plugin.seen == [ServerChoice(servers=None)]


def test_a_plugin_sees_what_the_overrides_say() -> None:
    plugin = Choosing(ServerChoice(servers=()))
    outcome = result("you@d.test", table({}), plugin, overrides="d.test 127.0.0.1:2525")
    assert plugin.seen == [ServerChoice(servers=(MxServer("127.0.0.1", 2525),))]
    assert isinstance(outcome, Failed) and outcome.reply.enhanced == "5.1.2"


def test_mail_waits_when_plugins_allow_no_server() -> None:
    outcome = result("you@d.test", table({"d.test": [(10, "mx.d.test")]}), Choosing(verdict=ServerVerdict(False, 600.0)))
    assert isinstance(outcome, NotNow)
    assert "d.test" in outcome.reason


def test_a_plugin_may_leave_out_one_server() -> None:
    resolver = table({"d.test": [(10, "mx.d.test"), (20, "mx2.d.test")]})
    with Peer(f"{PLAIN}{SENT}{BYE}") as peer:
        outcome = result("you@d.test", resolver, Choosing(verdict=ServerVerdict(False)), port=peer.port)
    assert outcome.server.startswith("mx2.d.test[")


def test_a_plugin_may_ask_for_a_fresh_look_up() -> None:
    resolver = table({"d.test": [(10, "mx.d.test")]})
    asked: list[bool] = []
    look = resolver.mx

    def mx(domain: str, *, fresh: bool = False) -> Any:
        asked.append(fresh)
        return look(domain, fresh=fresh)

    resolver.mx = mx  # type: ignore[method-assign]
    result("you@d.test", resolver, Choosing(ServerChoice(use_cache=False)), port=free_port())
    assert asked == [True]


def test_explain_names_override_lines_servers_and_protection() -> None:
    hosts = {"gone.test": [], "mx.d.test": ["192.0.2.1"]}
    with sending(table({"d.test": [(10, "mx.d.test"), (20, "gone.test")]}, hosts=hosts), overrides="e.test smtp.isp.test:587") as sender:
        words = sender.explain(outgoing("you@d.test"))
    assert words[0] == "no override holds for d.test: the DNS is asked"
    assert words[1] == "the servers of d.test are named by MX records"
    assert words[2].startswith("mx.d.test:25 (preference 10): at 192.0.2.1; no policy: TLS where it is offered")
    assert words[3].startswith("gone.test:25 (preference 20): cannot be used:")


@pytest.mark.parametrize(
    ("resolver", "words"),
    [
        (table({"d.test": [(0, "")]}), "it would come back to its sender at once: 556 5.1.10 The domain d.test takes no mail (null MX)"),
        (table({}, temporary=["d.test"]), "it would wait: 451 4.4.3 The mail servers of d.test cannot be looked up now"),
    ],
)
def test_explain_says_what_follows_where_there_is_no_way(resolver: Any, words: str) -> None:
    with sending(resolver) as sender:
        assert sender.explain(outgoing("you@d.test"))[-1].startswith(words)


def test_explain_judges_override_lines_by_user_sender_and_size() -> None:
    lines = "d.test one.test $user:ann $from:a.test $size>1KB\nd.test two.test $size<1KB $end\nd.test three.test"
    with sending(table({}), overrides=lines) as sender:
        large = sender.explain(replace(outgoing("you@d.test", user="ann", sender="ann@a.test"), size=5000))
        unknown = sender.explain(replace(outgoing("you@d.test"), size=0))
    assert large[0] == "line 1: d.test goes to one.test (priority 10, $user:ann, $from:a.test, $size>1KB)"
    assert large[1] == "line 2: d.test goes to two.test (priority 10, $size<1KB, $end) does not hold: $size<1KB"
    assert large[2] == "line 3: d.test goes to three.test (priority 10)"
    assert unknown[0].endswith("does not hold: $user:ann, $from:a.test, $size>1KB")
    assert unknown[2] == "its size is not known here (--size)"


def test_after_explain_the_site_is_known_under_which_the_queue_keeps_its_trouble() -> None:
    with sending(table({"d.test": [(10, "mx.test")]})) as sender:
        sender.explain(outgoing("you@d.test"))
        assert sender.site("you@d.test") == "mx.test"


def test_explain_shows_no_password() -> None:
    with sending(table({}), overrides="d.test fred:hidden@smtp.isp.test:587") as sender:
        words = "\n".join(sender.explain(outgoing("you@d.test")))
    assert "smtp.isp.test:587" in words and "login of fred" in words
    assert "hidden" not in words


@pytest.mark.parametrize(
    ("address", "may"),
    [("127.0.0.1", False), ("::1", False), ("::ffff:127.0.0.1", False), ("0.0.0.0", False), ("192.0.2.1", True), ("2001:db8::1", True)],
)
def test_strangers_cannot_name_this_machine(address: str, may: bool) -> None:
    assert is_routable(address) is may
