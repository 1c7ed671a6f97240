"""What the text of each field becomes: numbers, addresses, the parts of a relay or a client.

Each function gives the typed values under the names of posttrail.records, and what cannot be used:
a value that no column can hold is left out, and the line stays a fact. What many lines share (a
relay, a delay) is worked out once.
"""

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

Values: TypeAlias = dict[str, Any]
"""Typed values under the names of posttrail.records."""

Convert: TypeAlias = Callable[[str], tuple[Values, str | None]]
"""Text to values, and what is wrong with it. Must not change what it gave before: it is kept."""

_KEPT = 4096
_INT4 = 2**31 - 1
_INT8 = 2**63 - 1
_PORT = 65535
_MOST_SECONDS = 1e9
_namaddr = re.compile(r"([^\[\]]*)\[([^\[\]]*)\](?::(\w*))?").fullmatch


def _number(name: str, most: int) -> Convert:
    @lru_cache(maxsize=_KEPT)
    def convert(text: str) -> tuple[Values, str | None]:
        if text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= most:
            return {name: int(text)}, None
        return {}, f"{name}: not a number up to {most}"

    return convert


def _address(text: str) -> str | None:
    """A valid IP address without `IPv6:` and zone; None when it is none."""
    bare = text.removeprefix("IPv6:").partition("%")[0]
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return None
    return bare


def _port(text: str | None) -> tuple[int | None, bool]:
    """The port, and whether the text is sound: a number, `unknown` or nothing."""
    if text in {None, "unknown"}:
        return None, True
    is_port = text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= _PORT
    return (int(text), True) if is_port else (None, False)


def _present(values: Values) -> Values:
    return {name: value for name, value in values.items() if value is not None}


def _client(prefix: str, *, has_port: bool) -> Convert:
    """`name[address]:port`: an address that is none (a socket's path) stays with the name."""

    @lru_cache(maxsize=_KEPT)
    def convert(text: str) -> tuple[Values, str | None]:
        found = _namaddr(text)
        if found is None:
            return {f"{prefix}_name": text}, None
        name, inside, port_text = found.groups()
        addr = _address(inside)
        if addr is None and inside not in {"", "unknown"}:
            name = text
        port, is_sound = _port(port_text)
        values = {f"{prefix}_name": name or None, f"{prefix}_addr": addr}
        if has_port:
            values[f"{prefix}_port"] = port
        return _present(values), None if is_sound else f"{prefix}_port: not a port"

    return convert


@lru_cache(maxsize=_KEPT)
def _relay(text: str) -> tuple[Values, str | None]:
    """`host[address]:port`, `host[path]`; a transport's name alone has no parts."""
    found = _namaddr(text)
    if found is None:
        return {"relay": text}, None
    name, inside, port_text = found.groups()
    port, is_sound = _port(port_text)
    values = {
        "relay": text,
        "relay_name": name or None,
        "relay_addr": _address(inside),
        "relay_port": port,
    }
    return _present(values), None if is_sound else "relay_port: not a port"


def _seconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value < _MOST_SECONDS else None


@lru_cache(maxsize=_KEPT)
def _delay(text: str) -> tuple[Values, str | None]:
    value = _seconds(text)
    return ({}, "delay: not a number of seconds") if value is None else ({"delay": value}, None)


@lru_cache(maxsize=_KEPT)
def _delays(text: str) -> tuple[Values, str | None]:
    values = tuple(_seconds(part) for part in text.split("/"))
    if len(values) != 4 or None in values:
        return {}, "delays: not four numbers of seconds"
    return {"delays": values}, None


def _flag(text: str) -> tuple[Values, str | None]:  # noqa: ARG001
    return {"ambiguous": True}, None


def _unit(text: str) -> tuple[Values, str | None]:
    return {"reason": f"messages from {text} suppressed"}, None


def _ids(name: str) -> Convert:
    return lambda text: ({name: (text,)}, None)


CONVERT: dict[str, Convert] = {
    "client": _client("client", has_port=True),
    "orig_client": _client("orig_client", has_port=False),
    "uid": _number("uid", _INT4),
    "size": _number("size", _INT8),
    "nrcpt": _number("nrcpt", _INT4),
    "conn_use": _number("conn_use", _INT4),
    "lines": _number("lines", _INT8),
    "relay": _relay,
    "delay": _delay,
    "delays": _delays,
    "unit": _unit,
    "bounce_ids": _ids("bounce_ids"),
    "delay_ids": _ids("delay_ids"),
    "dsn_ids": _ids("dsn_ids"),
    "ambiguous": _flag,
}
"""Fields that become something else than their text."""
