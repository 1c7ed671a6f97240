"""Keyed pseudonyms: local parts of mail addresses in log lines become tokens, domains stay. Pure.

A token is the HMAC-SHA-256 (RFC 2104) of the address without case, so the same address has the same
token in every line and on every host with the same key; without the key nobody can find or make
one. The grammar of a line stays: a token is a plain atom (RFC 5322, 3.2.3) in the place of another.

Message-ids stay, for a mail is found by them; subjects become letters. A text that a stranger made
to look like fields is replaced piece by piece: what it was before, it is after.
"""

import hmac
import re
from base64 import b32encode
from hashlib import sha256
from pathlib import Path

from pydantic import SecretStr

from posttrail.errors import BadSettings
from posttrail.secret_files import secret

SHORTEST_KEY_BYTES = 16
_TOKEN_LETTERS = 20
"""Of five bits each: no two addresses of this world meet."""

_QUOTED = rb'"(?:[^"\\]|\\.)*+"'
_ATOM = rb"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\x80-\xff-]"
_message = re.compile(rb"([^ ]+ [^ ]+ [^ :\[]+(?:\[\d+\])?: )(.*)", re.DOTALL).fullmatch
_message_id = re.compile(rb"[0-9A-Za-z]+: (?:resent-)?message-id=").match
_subject = re.compile(
    rb"([0-9A-Za-z]+: [a-z-]+: header Subject: ?)(.*?)( from [^ ;]+; from=<.*)", re.DOTALL
).fullmatch
# An address field, whole: only there a local part may stand alone.
_FIELD = (
    rb"(?P<field>\b(?:from|to|orig_to|sasl_username|sasl_sender)=<)(?P<inside>(?:"
    + _QUOTED
    + rb'|[^"<>])++)(?=>)'
)
_field = re.compile(_FIELD)
_named = re.compile(
    _FIELD +
    # A login name goes up to the next field.
    rb"|(?P<sasl>\bsasl_(?:username|sender)=)(?P<login>[^,<][^,]*?)(?=,? sasl_|, |\s*$)"
    # Elsewhere only what has a domain is an address. Each run of letters is looked at once.
    rb"|(?<!" + _ATOM + rb")(?P<key>(?:from|to|user|sender|recipient|addr|address|email|id)=)?"
    rb"(?P<local>"
    + _QUOTED
    + rb"|"
    + _ATOM
    + rb"++)@(?P<domain>[A-Za-z0-9.\x80-\xff-]+|\[[^\]]*\])"
).sub
_split = re.compile(rb'(.+)@([^@"]+)', re.DOTALL).fullmatch


class Pseudonyms:
    """The pseudonyms of one key."""

    def __init__(self, key: bytes) -> None:
        """Take the key.

        Raises:
            BadSettings: it is too short to keep anything.
        """
        if len(key) < SHORTEST_KEY_BYTES:
            raise BadSettings(
                f"the key of the pseudonyms has less than {SHORTEST_KEY_BYTES} bytes: make one "
                "with `openssl rand -hex 32`"
            )
        self._key = key

    def token(self, name: bytes) -> bytes:
        """What stands for a name: an address, a login or a local part alone."""
        digest = hmac.new(self._key, name.lower(), sha256).digest()
        return b"p" + b32encode(digest)[:_TOKEN_LETTERS].lower()

    def filler(self, text: bytes) -> bytes:
        """As many letters as the text has bytes: Postfix cuts headers at 200, and a reader of the
        line tells by that length where a header ends.
        """
        letters = b32encode(hmac.new(self._key, text, sha256).digest()).lower().rstrip(b"=")
        return (letters * (len(text) // len(letters) + 1))[: len(text)]

    def address(self, address: bytes) -> bytes:
        """The address with a token for its local part; one without a domain is a token."""
        found = _split(address)
        if found is None:
            return self.token(address) if address else address
        return self.token(address) + b"@" + found[2]

    def line(self, line: bytes) -> bytes:
        """A line in canonical form, or any other, with every address in it replaced."""
        found = _message(line)
        if found is None:
            return self._text(line)
        head, message = found.groups()
        if _message_id(message):
            return line
        subject = _subject(message)
        if subject is None:
            return bytes(head + self._text(message))
        before, said, after = subject.groups()
        return bytes(head + before + self.filler(said) + self._text(after))

    def _text(self, text: bytes) -> bytes:
        replaced = _named(self._replaced, text)
        # A reply names in brackets who stands alone in a field.
        for bare in {found["inside"] for found in _field.finditer(text)}:
            if b"@" not in bare:
                replaced = replaced.replace(b"<%b>" % bare, b"<%b>" % self.token(bare))
        return replaced

    def _replaced(self, found: "re.Match[bytes]") -> bytes:
        if found["field"]:
            return found["field"] + self.address(found["inside"])
        if found["sasl"]:
            return found["sasl"] + self.address(found["login"])
        address = found["local"] + b"@" + found["domain"]
        return (found["key"] or b"") + self.address(address)


def of_file(file: Path) -> Pseudonyms:
    """The pseudonyms of the key in a file; a line feed at its end is not part of it.

    Raises:
        BadSettings: it cannot be read or is too short.
    """
    return Pseudonyms(secret("producer.pseudonym_key", SecretStr(""), file).encode())
