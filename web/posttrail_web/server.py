"""The web page as a service: looks whether it may start, then answers until a signal comes."""

import asyncio
import socket
from contextlib import closing
from threading import Event

import uvicorn

from posttrail import config, service
from posttrail.config import Settings
from posttrail.errors import BadSettings
from posttrail_web import app, secure_start
from posttrail_web.database import Tables

_LOOK_S = 0.2
_MOST_CONNECTIONS = 200


def run(settings: Settings, stopping: Event) -> None:
    """Answer until `stopping` is set.

    Raises:
        BadSettings: it would show mails to strangers, or cannot listen.
        Unreachable: PostgreSQL is away.
        NotReady: the roles of the web page are not there.
    """
    web = settings.web
    secure_start.require(web)
    secure_start.require_pair(web)
    tables = Tables(config.dsn(settings), web.connections, web.statement_seconds)
    try:
        tables.require_ready()
        server = uvicorn.Server(uvicorn.Config(
            app.make(settings, tables), host=web.address, port=web.port, log_config=None,
            access_log=False, proxy_headers=False, server_header=False, lifespan="off",
            limit_concurrency=_MOST_CONNECTIONS, timeout_keep_alive=15,
            timeout_graceful_shutdown=10, h11_max_incomplete_event_size=64 * 1024,
            ssl_certfile=web.cert_file, ssl_keyfile=web.key_file,
        ))  # fmt: skip
        with closing(_listening(web.address, web.port)) as listening:
            asyncio.run(_serve(server, listening, stopping))
    finally:
        tables.close()


def _listening(address: str, port: int) -> socket.socket:
    """A socket of ours: uvicorn would end the process without a word of what to do.

    Raises:
        BadSettings: the port is taken, or the address is none of this host.
    """
    try:
        (family, _, _, _, place), *_ = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
        return socket.create_server(place[:2], family=family)
    except OSError as error:
        raise BadSettings(
            f"cannot listen on {address} port {port}: {error.strerror}: set web.address and "
            "web.port to what is free"
        ) from None


async def _serve(server: uvicorn.Server, listening: socket.socket, stopping: Event) -> None:
    """uvicorn's own signal handlers give the signals on to those that were there before."""
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not serving.done() and not stopping.is_set():
        if server.started:
            service.ready()
            service.alive()
        await asyncio.sleep(_LOOK_S)
    server.should_exit = True
    service.stopping()
    await serving
