"""Who looks, and what they may see. Pure: knows no request and no table."""

import re
from collections.abc import Iterable

import msgspec

from posttrail.web_settings import Token, Web

# RFC 5321 section 4.1.2: letters, digits and hyphens; beyond ASCII for SMTPUTF8 (RFC 6531).
_DOMAIN = re.compile(r"[\w-]+(\.[\w-]+)*")
NOBODY_ASKED = "local"


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """A person or a program that asks."""

    name: str
    address: str
    """Of the browser, as far as a trusted proxy tells."""
    administrator: bool = False
    """Sees every mail."""
    domains: tuple[str, ...] = ()
    """Else: mails from and to these, lower case."""

    @property
    def sees_something(self) -> bool:
        """Without a domain there is nothing to see."""
        return self.administrator or bool(self.domains)


def clean_domains(given: Iterable[object]) -> tuple[str, ...]:
    """Domains as row security compares them; what is none is left out."""
    named = (each.strip().removeprefix("@").lower() for each in given if isinstance(each, str))
    return tuple(sorted({each for each in named if _DOMAIN.fullmatch(each)}))


def known(web: Web, name: str, address: str, domains: Iterable[object] = ()) -> Visitor:
    """A user whom the proxy or the provider named, with what they or the settings let them see."""
    configured = web.user_domains.get(name, ())
    return Visitor(
        name=name, address=address, administrator=name in web.administrators,
        domains=clean_domains([*configured, *domains]),
    )  # fmt: skip


def of_token(token: Token, address: str) -> Visitor:
    """A program."""
    return Visitor(
        name=f"token {token.name}", address=address, administrator=token.administrator,
        domains=clean_domains(token.domains),
    )  # fmt: skip


def of_this_machine(address: str) -> Visitor:
    """Where nobody is asked, whoever is on this machine sees all."""
    return Visitor(name=NOBODY_ASKED, address=address, administrator=True)
