"""Holds thousands of IMAP connections in IDLE and tells when one of them hears of a message; a process of its own.

``python -m bench.idlers PORT NUMBER``: connection 1 belongs to ``box``, the others to users ``idler0`` … ``idler99``; all have INBOX
selected. Prints ``ready``, then for each time that ``box`` hears of something the time.monotonic() of it. Ends when its input ends.
"""

from __future__ import annotations

import os
import resource
import select
import socket
import sys
import time

from .imap_client import Client

USERS = 100
PASSWORD = "bench"


def room(connections: int) -> None:
    """Let this process, and those that it starts, have so many open files."""
    limit = connections + 1000
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, max(limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))


def main() -> None:
    """Connect, and listen."""
    port, number = int(sys.argv[1]), int(sys.argv[2])
    room(number)
    clients = [_idling(port, "box"), *(_idling(port, f"idler{position % USERS}") for position in range(number - 1))]
    print("ready", flush=True)
    listen(clients)


def _idling(port: int, name: str) -> Client:
    client = Client(port).login(name, PASSWORD)
    client.idle()
    return client


def listen(clients: list[Client]) -> None:
    """Tell what the first one hears; count the others that are still there at the end of our input."""
    poll = select.epoll()
    for client in clients:
        poll.register(client.fileno(), select.EPOLLIN)
    poll.register(sys.stdin.fileno(), select.EPOLLIN)
    first, lost = clients[0].fileno(), 0
    while True:
        for number, _ in poll.poll():
            if number == first:
                print(time.monotonic(), clients[0].line().decode(), end="", flush=True)
            elif number == sys.stdin.fileno():
                print(len(clients) - lost, flush=True)
                return
            elif not _alive(number):
                lost += 1
                poll.unregister(number)


def _alive(number: int) -> bool:
    """Whether the server has only said something (that it is still here), and not hung up."""
    with socket.socket(fileno=os.dup(number)) as copy:
        return bool(copy.recv(65_536))


if __name__ == "__main__":
    main()
