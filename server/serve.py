"""Running the server: bind, tell the address, serve until a signal, leave in order."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from aiohttp import web

from trialog._credentials import Credential, credentials_path, read_credentials_of, store_credential
from trialog.server.app import OPENED, Opened, create_app
from trialog.server.errors import StartError
from trialog.server.settings import ServerAddress, ServerSettings, is_loopback, is_wildcard
from trialog.server.storage.accounts import identity_of_key, make_key

_SHUTDOWN_S = 5.0
_log = logging.getLogger("trialog.server")


def serve(settings: ServerSettings, *, on_start: Callable[[ServerAddress], None] | None = None) -> None:
    """
    Serve until SIGINT or SIGTERM, then finish what is being written and return.

    ``on_start`` is called once requests are answered. A second Ctrl-C leaves at once.

    Raises:
        StartError: the port is taken, or the data folder cannot be used.
    """
    listener = _bind(settings)
    with listener:
        asyncio.run(_serve(settings, listener, on_start))


async def _serve(
    settings: ServerSettings, listener: socket.socket, on_start: Callable[[ServerAddress], None] | None
) -> None:
    app = create_app(settings)
    runner = web.AppRunner(
        app, access_log=None, auto_decompress=False, handle_signals=False, shutdown_timeout=_SHUTDOWN_S
    )
    stop = asyncio.Event()
    _on_signals(stop)
    try:
        await runner.setup()
        await web.SockSite(runner, listener).start()
        address = await asyncio.to_thread(_introduce, app[OPENED], settings, listener.getsockname()[1])
        if on_start is not None:
            on_start(address)
        await stop.wait()
    finally:
        await runner.cleanup()


def _bind(settings: ServerSettings) -> socket.socket:
    host, port = settings.host, settings.port
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise StartError(f"cannot listen on {host!r}: {error.strerror or error}; choose another --host") from error
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise StartError(_bind_failure(error, host, port)) from error
    return listener


def _bind_failure(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is in use, perhaps by another trialog server; "
            f"stop that one, or choose another port: --port {port + 1}, or --port 0 for any free one"
        )
    return f"cannot listen on {host} port {port}: {error.strerror}; choose another --host or --port"


def _introduce(opened: Opened, settings: ServerSettings, port: int) -> ServerAddress:
    """Give the account that started the server a key, where its programs will look for it."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    base_urls = [f"http://{host}:{port}"]
    if is_wildcard(settings.host):
        base_urls = []
    if is_loopback(settings.host) or is_wildcard(settings.host):
        base_urls += [url for url in (f"http://127.0.0.1:{port}", f"http://localhost:{port}") if url not in base_urls]
    _store_key(opened, base_urls)
    path = "/login" if opened.login_code is None else f"/#login={opened.login_code}"
    return ServerAddress(base_urls[0], base_urls[0] + path, opened.owner.user, credentials_path())


def _store_key(opened: Opened, base_urls: list[str]) -> None:
    """Keep one key of this server under its present addresses; its former loopback addresses are forgotten."""
    stored = read_credentials_of(opened.instance)

    def is_good(credential: Credential) -> bool:
        found = opened.database.read_now(lambda snapshot: identity_of_key(snapshot.meta, credential.api_key))
        return found == opened.owner

    good = {url: found for url, found in stored.items() if is_good(found)}
    if all(url in good for url in base_urls):
        return
    kept = next(iter(good.values()), None)
    if kept is None:
        key = opened.database.submit(lambda c: make_key(c, opened.owner.account_id)).result()
        kept = Credential(key, opened.owner.user, opened.instance)
    # One process at a time serves a data folder, so a loopback address from before leads nowhere any more.
    former = [url for url in stored if url not in base_urls and is_loopback(urlsplit(url).hostname or "")]
    for url in base_urls:
        store_credential(url, kept, instead_of=former)


def _on_signals(stop: asyncio.Event) -> None:
    """Let SIGINT and SIGTERM end the server; only the main thread of a process may listen to signals."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()

    def leave(number: int) -> None:
        if stop.is_set() and number == signal.SIGINT:
            os._exit(130)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        if os.name == "posix":
            loop.add_signal_handler(number, leave, number)
        else:
            signal.signal(number, lambda received, _frame: loop.call_soon_threadsafe(leave, received))
