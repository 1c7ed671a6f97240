"""What the text of each field becomes: numbers, addresses, the parts of a relay or a client.

A value that no column can hold is left out and named among the errors; the line stays a fact.
"""

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

Values: TypeAlias = dict[str, Any]
"""Typed values under the names of posttrail.records."""

Convert: TypeAlias = Callable[[str, Values, list[str]], None]

_INT4 = 2**31 - 1
_INT8 = 2**63 - 1
_PORT = 65535
_MOST_SECONDS = 1e9
_namaddr = re.compile(r"([^\[\]]*)\[([^\[\]]*)\](?::(\w*))?").fullmatch


def number(name: str, most: int) -> Convert:
    """A whole number from 0 to `most`."""

    def convert(text: str, values: Values, errors: list[str]) -> None:
        if text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= most:
            values[name] = int(text)
        else:
            errors.append(f"{name}: not a number up to {most}")

    return convert


@lru_cache(maxsize=16384)
def address(text: str) -> str | None:
    """A valid IP address without `IPv6:` and zone; None when it is none."""
    bare = text.removeprefix("IPv6:").partition("%")[0]
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return None
    return bare


@lru_cache(maxsize=16384)
def peer(text: str) -> tuple[str, str | None, int | None, bool]:
    """Name, address, port of `name[address]:port`, and whether the port can be one.

    An address that is none (a socket's path, say) stays with the name.
    """
    found = _namaddr(text)
    if found is None:
        return text, None, None, True
    name, inside, port = found.groups()
    addr = address(inside)
    if addr is None and inside not in {"", "unknown"}:
        name = text
    is_number = port is not None and port.isascii() and port.isdigit() and len(port) <= 5
    if not is_number or int(port) > _PORT:
        return name, addr, None, port in {None, "unknown"}
    return name, addr, int(port), True


def client(prefix: str, *, has_port: bool) -> Convert:
    """`client=NAMADDR` and its like; an empty name (postscreen) is no name."""

    def convert(text: str, values: Values, errors: list[str]) -> None:
        name, addr, port, is_sound = peer(text)
        if name:
            values[f"{prefix}_name"] = name
        if addr is not None:
            values[f"{prefix}_addr"] = addr
        if has_port and port is not None:
            values[f"{prefix}_port"] = port
        if not is_sound:
            errors.append(f"{prefix}_port: not a port")

    return convert


@lru_cache(maxsize=16384)
def relay_parts(text: str) -> tuple[str | None, str | None, int | None, bool]:
    """Host name, address, port of `host[address]:port`; a transport's name has no parts."""
    name, bracket, _ = text.partition("[")
    if not bracket:
        return None, None, None, True
    _, addr, port, is_sound = peer(text)
    return name, addr, port, is_sound


def relay(text: str, values: Values, errors: list[str]) -> None:
    """`relay=` whole, and its parts."""
    values["relay"] = text
    name, addr, port, is_sound = relay_parts(text)
    if name:
        values["relay_name"] = name
    if addr is not None:
        values["relay_addr"] = addr
    if port is not None:
        values["relay_port"] = port
    if not is_sound:
        errors.append("relay_port: not a port")


@lru_cache(maxsize=16384)
def seconds(text: str) -> float | None:
    """Seconds as Postfix logs them; None when this is no number."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value < _MOST_SECONDS else None


@lru_cache(maxsize=16384)
def four_seconds(text: str) -> tuple[float, float, float, float] | None:
    """`a/b/c/d`; None when these are not four numbers."""
    parts = [seconds(part) for part in text.split("/")]
    if len(parts) != 4:
        return None
    a, b, c, d = parts
    if a is None or b is None or c is None or d is None:
        return None
    return a, b, c, d


def delay(text: str, values: Values, errors: list[str]) -> None:
    """`delay=`."""
    value = seconds(text)
    if value is None:
        errors.append("delay: not a number of seconds")
    else:
        values["delay"] = value


def delays(text: str, values: Values, errors: list[str]) -> None:
    """`delays=a/b/c/d`."""
    value = four_seconds(text)
    if value is None:
        errors.append("delays: not four numbers of seconds")
    else:
        values["delays"] = value


def lines(text: str, values: Values, errors: list[str]) -> None:
    """How many lines a gap swallowed."""
    number("lines", _INT8)(text, values, errors)


def unit(text: str, values: Values, errors: list[str]) -> None:  # noqa: ARG001
    """Whose lines journald held back."""
    values["reason"] = f"messages from {text} suppressed"


def removed(text: str, values: Values, errors: list[str]) -> None:  # noqa: ARG001
    """When the mail left the queue: the time of the line."""
    values["removed_at"] = values["t"]


def _set(name: str, value: bool | None = None) -> Convert:
    def convert(text: str, values: Values, errors: list[str]) -> None:  # noqa: ARG001
        values[name] = (text,) if value is None else value

    return convert


CONVERT: dict[str, Convert] = {
    "client": client("client", has_port=True),
    "orig_client": client("orig_client", has_port=False),
    "uid": number("uid", _INT4),
    "size": number("size", _INT8),
    "nrcpt": number("nrcpt", _INT4),
    "conn_use": number("conn_use", _INT4),
    "relay": relay,
    "delay": delay,
    "delays": delays,
    "lines": lines,
    "removed": removed,
    "unit": unit,
    "bounce_ids": _set("bounce_ids"),
    "delay_ids": _set("delay_ids"),
    "dsn_ids": _set("dsn_ids"),
    "ambiguous": _set("ambiguous", value=True),
}
"""Fields that become something else than their text."""

CONVERTED = frozenset(CONVERT)
