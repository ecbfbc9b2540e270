"""The sender LAN: each recipient's mail goes to the server that its route names, with its login and its return path."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from postroom.clients.smtp.connect import Dialer
from postroom.clients.smtp.hop import Timeouts
from postroom.credentials import UnreadableSecret, Vault
from postroom.mail.delivery import Delivered, Failed, TryLater
from postroom.provided import Outgoing, QueuedRecipient
from postroom.sending.servers import LoginServer
from postroom.sending.via import Locker, Via
from postroom_lan_forwarding.sender import LanSender
from postroom_lan_forwarding.settings import Settings
from tests.core.clients.smtp_peer import PIPELINING, PLAIN, Peer, outgoing
from tests.plugins.lan_forwarding.test_forwarding import OpenVault
from tests.shortages import without_descriptors

DATA = "C: DATA\nS: 354 Go\n!message\nS: 250 Ok\n"
LOGIN = "S: 220 mx.test\nC: EHLO client.test\nS: 250-mx.test\nS: 250 AUTH PLAIN\nC: AUTH PLAIN AGZyZWQAZ2VoZWlt\nS: 235 Ok\n"
QUIT = "C: QUIT\nS: 221 Bye\n"
LOCKER = Locker(OpenVault())


def sender(locker: Locker = LOCKER, **section: object) -> LanSender:
    return LanSender(Settings(**section), "client.test", Dialer(lambda name: ["127.0.0.1"]), locker)


def letter(*recipients: tuple[str, str]) -> Outgoing:
    numbered = tuple(QueuedRecipient(number, address, via=via) for number, (address, via) in enumerate(recipients, 1))
    return replace(outgoing("a@one.test"), recipients=numbered)


def via(peer: Peer, path: str | None = None, *, host: str = "mail.lan", login: str = "") -> str:
    return LOCKER.lock(LoginServer(host, peer.port, *((login, "geheim") if login else ())), path)


def one(address: str, path: str = "*") -> str:
    return f"C: MAIL FROM:<{path}>*\nS: 250 Ok\nC: RCPT TO:<{address}>\nS: 250 Ok\n{DATA}"


def test_each_recipient_goes_to_the_server_of_its_route() -> None:
    with Peer(PLAIN + one("a@x.test") + QUIT) as first, Peer(PLAIN + one("b@x.test") + QUIT) as second:
        lan = sender()
        outcomes = lan.send(letter(("a@x.test", via(first)), ("b@x.test", via(second, host="other.lan"))))
        assert [type(outcome) for outcome in outcomes.values()] == [Delivered, Delivered]
        lan.close()


def test_recipients_of_one_server_go_together() -> None:
    envelope = "C: MAIL *\nC: RCPT TO:<a@x.test>\nC: RCPT TO:<b@x.test>\nC: DATA\n"
    script = f"{envelope}S: 250 Ok\nS: 250 Ok\nS: 250 Ok\nS: 354 Go\n!message\nS: 250 Ok\n"
    with Peer(PIPELINING + script + QUIT) as peer:
        lan = sender()
        assert lan.site("a@x.test", via(peer)) == f"mail.lan:{peer.port}" == lan.site("b@y.test", via(peer))
        lan.send(letter(("a@x.test", via(peer)), ("b@x.test", via(peer))))
        lan.close()


def test_the_login_of_the_route_is_used() -> None:
    with Peer(LOGIN + one("a@x.test") + QUIT) as peer:
        lan = sender(encryption="none")
        text = via(peer, login="fred")
        assert "geheim" not in text
        assert lan.site("a@x.test", text) == f"fred@mail.lan:{peer.port}"
        assert isinstance(lan.send(letter(("a@x.test", text)))[1], Delivered)
        lan.close()


def test_a_password_that_was_changed_in_the_rules_holds_for_queued_mail_too() -> None:
    with Peer(LOGIN + one("a@x.test") + QUIT) as peer:
        rule = {"addresses": "*@x.test", "server": f"mail.lan:{peer.port}", "username": "fred", "password": "geheim"}
        lan = sender(encryption="none", rules=[rule])
        old = LOCKER.lock(LoginServer("mail.lan", peer.port, "fred", "before"))
        assert isinstance(lan.send(letter(("a@x.test", old)))[1], Delivered)
        lan.close()


def test_a_return_path_of_the_route_is_used_for_its_recipient_alone() -> None:
    with Peer(PLAIN + one("a@x.test", "new@b.test") + one("b@x.test", "from@sender.test") + QUIT) as peer:
        lan = sender()
        message = replace(letter(("a@x.test", via(peer, "new@b.test")), ("b@x.test", via(peer))), sender="from@sender.test")
        assert {type(outcome) for outcome in lan.send(message).values()} == {Delivered}
        lan.close()


def test_a_return_path_that_a_hook_changed_at_the_attempt_stays() -> None:
    with Peer(PLAIN + one("a@x.test", "tagged@sender.test") + QUIT) as peer:
        lan = sender()
        message = replace(letter(("a@x.test", via(peer, "new@b.test"))), sender="from@sender.test", return_path="tagged@sender.test")
        assert isinstance(lan.send(message)[1], Delivered)
        lan.close()


def test_mail_without_a_server_fails_for_good() -> None:
    assert isinstance(sender().send(letter(("a@x.test", "")))[1], Failed)
    assert sender().site("a@x.test") == ""


def test_the_timeouts_are_those_of_every_sender_with_shorter_ones_for_what_is_near() -> None:
    timeouts = sender(timeouts={"handshake": "9s"}).hop(Via(LoginServer("mail.lan"))).timeouts
    assert timeouts == Timeouts(connect=15.0, handshake=9.0, greeting=60.0, command=120.0)


def test_a_password_that_cannot_be_read_is_a_fault_of_the_login() -> None:
    class LostKey(OpenVault):
        def unlock(self, text: str) -> str:
            raise UnreadableSecret("the key file is missing")

    outcome = sender(Locker(LostKey())).send(letter(("a@x.test", "fred:x@mail.lan")))[1]
    assert isinstance(outcome, TryLater)
    assert (outcome.kind, outcome.how) == ("login", "the password for fred@mail.lan: the key file is missing")


def test_a_key_file_that_cannot_be_opened_for_want_of_descriptors_is_no_fault_of_the_login(tmp_path: Path) -> None:
    locked = Locker(Vault(tmp_path)).lock(LoginServer("mail.lan", None, "fred", "geheim"))
    lan = sender(Locker(Vault(tmp_path)))
    with without_descriptors():
        outcome = lan.send(letter(("a@x.test", locked)))[1]
    assert isinstance(outcome, TryLater)
    assert (outcome.kind, outcome.server, outcome.reply.enhanced) == ("answer", "", "4.3.0")
    assert "fred" not in str(outcome.reply) and "key file" not in str(outcome.reply)  # which senders read in reports


def test_it_explains_how_mail_leaves_without_the_password() -> None:
    text = LOCKER.lock(LoginServer("mail.lan", None, "fred", "geheim"), "new@b.test")
    assert sender(encryption="starttls", verify=True).explain(letter(("a@x.test", text))) == [
        "handed to mail.lan, port 25, only with STARTTLS, and its certificate must be valid, logged in as fred",
        "return path <new@b.test>",
    ]
