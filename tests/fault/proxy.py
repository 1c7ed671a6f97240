"""A TCP proxy in front of a server: cuts, hangs, refuses, or loses the server's answers."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2.extensions import make_dsn, parse_dsn


class Proxy:
    """Forwards connections of the loopback address to a server until told otherwise."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self.refuses = False
        self.answers_are_lost = False
        self.cuts_after = 0
        """Cut inside of a message, so many bytes from now on; 0: never."""
        self._flows = threading.Event()
        self._flows.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = None if self.refuses else self._reached()
                if server is None:
                    client.close()
                    continue
                self._pairs.append((client, server))
                for ends in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pump, args=ends, daemon=True).start()

    def _reached(self) -> socket.socket | None:
        with contextlib.suppress(OSError):
            return socket.create_connection(self._to)
        return None

    def _pump(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                if 0 < self.cuts_after <= len(data):
                    target.sendall(data[: self.cuts_after - 1])
                    self.cuts_after = 0
                    self.cut()
                self.cuts_after = max(0, self.cuts_after - len(data))
                if not (is_answer and self.answers_are_lost):
                    target.sendall(data)
                else:
                    self.cut()
        _close(source)
        _close(target)

    def cut(self) -> None:
        """End every connection now; new ones are fine."""
        pairs, self._pairs = self._pairs, []
        for ends in pairs:
            for end in ends:
                _close(end)

    def hang(self) -> None:
        """Let nothing through, and keep the connections open."""
        self._flows.clear()

    def flow(self) -> None:
        """Let everything through again."""
        self.refuses = self.answers_are_lost = False
        self._flows.set()

    def close(self) -> None:
        _close(self._listener)
        self.flow()
        self.cut()


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def in_front_of(dsn: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy for a PostgreSQL, and the connection string that leads through it."""
    parts = parse_dsn(dsn)
    proxy = Proxy(parts["host"], int(parts["port"]))
    try:
        yield proxy, make_dsn(dsn, host="127.0.0.1", port=proxy.port)
    finally:
        proxy.close()
