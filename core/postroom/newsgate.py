"""News between nodes that share one PostgreSQL: NOTIFY for what happens here, LISTEN for what happens elsewhere."""

from __future__ import annotations

import json
from contextlib import closing, suppress
from typing import Any

import gevent
import psycopg
from gevent.queue import Queue

from . import log as logs
from .news import Fact, News
from .store.database import StoreUnavailable
from .store.pgconnection import Connector, HubConnection

CHANNEL = "postroom"
LARGEST = 7000  # bytes of a NOTIFY payload; PostgreSQL refuses 8000
RECONNECT = 5.0  # seconds
SILENCE = 30.0  # seconds between two looks whether the server is still there
WAITING = 1000  # batches that wait to be sent; news may get lost


class NewsGate:
    """Connects this node's news with the other nodes'. Facts of this node (``node``) that come back are left out."""

    def __init__(self, url: str, news: News, node: str) -> None:
        self.news, self.node = news, node
        self._connector = Connector(url)
        self._outgoing: Queue[list[Fact]] = Queue(WAITING)
        self._greenlets: list[Any] = []
        self.log = logs.get()

    def start(self) -> None:
        """Begin to listen and to tell."""
        self.news.relays.append(self._tell)
        self._greenlets = [gevent.spawn(self._keep, self._listen), gevent.spawn(self._keep, self._send)]

    def stop(self) -> None:
        """End both connections."""
        gevent.killall(self._greenlets)

    def _tell(self, facts: list[Fact]) -> None:
        if not self._outgoing.full():
            self._outgoing.put_nowait(facts)

    def _keep(self, work: Any) -> None:
        while True:
            try:
                with closing(self._connector.open(HubConnection)) as connection:
                    work(connection)
            except (psycopg.Error, StoreUnavailable) as error:
                self.log.warning("news.no_database", reason=str(error).strip())
            gevent.sleep(RECONNECT)

    def _send(self, connection: psycopg.Connection[Any]) -> None:
        while True:
            facts = self._outgoing.get()
            while not self._outgoing.empty():
                facts = facts + self._outgoing.get()
            distinct = list({json.dumps(fact, sort_keys=True): fact for fact in facts}.values())
            for start in range(0, len(distinct), 20):
                payload = json.dumps({"node": self.node, "facts": distinct[start : start + 20]})
                if len(payload) < LARGEST:
                    connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))
            gevent.sleep(0.02)  # what happens meanwhile travels together

    def _listen(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(f"LISTEN {CHANNEL}")
        while True:
            for notification in connection.notifies(timeout=SILENCE):
                self._hear(notification.payload)
            connection.execute("SELECT 1")  # a server that has vanished sends nothing either

    def _hear(self, payload: str) -> None:
        with suppress(ValueError, TypeError, KeyError):  # the channel is open to everyone who may use the database
            message = json.loads(payload)
            if message["node"] != self.node:
                self.news.deliver(message["facts"])
