"""Gives mails to Postfix, over SMTP or sendmail(1), and notes what it replied.

A reply that the scenario does not foresee is an error at once: the truth must be right.
"""

import re
import smtplib
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from tests.postfix.scenarios import Door, Order, Rcpt, Scenario
from tests.postfix.truth import Mail, Refusal, Row

LOOPBACK = "127.0.0.1"
EARLY_CLIENT = "127.0.0.2"
"""Of its own: postscreen spares an address that passed its tests a moment ago."""
SERVICES = {Door.SUBMISSION: "submission", Door.PROXY: "filtered"}


class UnexpectedReplyError(Exception):
    """Postfix did not reply what the scenario says."""


class Talk:
    """One SMTP conversation."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.smtp = smtplib.SMTP(timeout=20, local_hostname=order.scenario.helo)
        self.smtp.command_encoding = "utf-8"

    def command(self, line: str, expected: int) -> str:
        """Send one command; the text of its reply."""
        code, text = self.smtp.docmd(line)
        return self.checked(line, code, text, expected)

    def checked(self, what: str, code: int, text: bytes, expected: int) -> str:
        """The reply's text, if its code is the expected one."""
        if code != expected:
            raise UnexpectedReplyError(f"{self.order.scenario.name}: {what}: {code} {text!r}")
        return text.decode()

    def open(self) -> None:
        """Connect and greet, or greet and connect."""
        scenario = self.order.scenario
        if scenario.early:
            self.smtp.sock = socket.create_connection(
                (LOOPBACK, scenario.door.value), 20, (EARLY_CLIENT, 0)
            )
            self.smtp.sock.sendall(f"EHLO {scenario.helo}\r\n".encode())
            while self.smtp.getreply()[0] != 250:
                pass  # postscreen's banner, which may come joined with the reply to EHLO
            return
        self.smtp.connect(LOOPBACK, scenario.door.value)
        self.command(f"EHLO {scenario.helo}", 250)
        if scenario.door is not Door.POSTSCREEN:
            login = f" LOGIN={scenario.login}" if scenario.login else ""
            who = f"NAME={self.order.client_name} ADDR={self.order.client_addr}"
            self.command(f"XCLIENT {who}{login}", 220)
            self.command(f"EHLO {scenario.helo}", 250)

    def data(self, content: bytes) -> str:
        """Send the mail; the text of the last reply."""
        self.command("DATA", 354)
        self.smtp.send(content + b".\r\n")
        code, text = self.smtp.getreply()
        return self.checked("end of data", code, text, self.order.scenario.data_reply)


def _message_id(order: Order) -> str:
    return f"<{order.number}.{order.scenario.door.value}@load.example.net>"


def _content(order: Order) -> bytes:
    scenario = order.scenario
    lines = (
        f"From: {scenario.sender}",
        f"Message-ID: {_message_id(order)}",
        f"Subject: {scenario.subject}",
        *scenario.headers,
        "",
        "x" * (order.number % 70),
        "",
    )
    return "\r\n".join(lines).encode()


def _refusal(code: int, text: str, recipient: str | None = None) -> Refusal:
    return Refusal("reject", str(code), text.partition(" ")[0], recipient)


def _recipients(talk: Talk, rcpts: tuple[Rcpt, ...]) -> tuple[bool, list[Row], list[Refusal]]:
    """Whether one was taken; the rows to come; what was refused while there was no queue id."""
    taken, rows, refusals = False, list[Row](), list[Refusal]()
    for rcpt in rcpts:
        text = talk.command(f"RCPT TO:<{rcpt.address}>", rcpt.reply)
        rows.extend(rcpt.rows)
        if rcpt.reply == 250:
            taken = True
        elif taken:
            rows.append(Row(rcpt.address, "rejected"))
        else:
            refusals.append(_refusal(rcpt.reply, text, rcpt.address))
        if rcpt.thrown_away:
            refusals.append(Refusal("discard", recipient=rcpt.address))
    return taken, rows, refusals


def _known_client(order: Order) -> tuple[str, str]:
    if order.scenario.early:
        return "unknown", EARLY_CLIENT
    if order.scenario.door is Door.POSTSCREEN:
        return "localhost", LOOPBACK
    name = "unknown" if order.client_name == "[UNAVAILABLE]" else order.client_name
    return name, order.client_addr.removeprefix("IPV6:")


def _begun(order: Order) -> Mail:
    """What is known of a mail before anything was said."""
    scenario = order.scenario
    name, addr = _known_client(order)
    return Mail(
        number=order.number,
        scenario=scenario.name,
        sender=scenario.sender,
        message_id=_message_id(order),
        subject=scenario.subject,
        client_name=name,
        client_addr=addr,
        helo=re.sub("[<>@]", "?", scenario.helo),  # as smtpd logs it
        sasl_username=scenario.login,
        service=SERVICES.get(scenario.door),
    )


def _spoken(talk: Talk, order: Order) -> Mail:
    scenario, begun = order.scenario, _begun(order)
    text = talk.command(f"MAIL FROM:<{scenario.sender}>{scenario.options}", scenario.mail_reply)
    if scenario.mail_reply != 250:
        return msgspec.structs.replace(begun, refusals=(_refusal(scenario.mail_reply, text),))
    taken, rows, refusals = _recipients(talk, scenario.rcpts)
    known = msgspec.structs.replace(
        begun,
        opened=taken,
        rows=tuple(rows),
        refusals=tuple(refusals),
        status=scenario.status if taken else None,
    )
    if not taken or scenario.hang_up:
        return known
    _, _, queue_id = talk.data(_content(order)).partition("queued as ")
    return msgspec.structs.replace(known, queue_id=queue_id.strip() or None)


def _by_smtp(order: Order) -> Mail:
    talk = Talk(order)
    talk.open()
    try:
        mail = _spoken(talk, order)
        if not order.scenario.hang_up:
            talk.smtp.docmd("QUIT")
        return mail
    finally:
        talk.smtp.close()


def _by_sendmail(order: Order, etc: Path) -> Mail:
    scenario: Scenario = order.scenario
    addresses = [one.address for one in scenario.rcpts]
    subprocess.run(
        ["sendmail", "-C", str(etc), "-i", "-f", scenario.sender, *addresses],
        input=_content(order).replace(b"\r\n", b"\n"),
        check=True,
        timeout=20,
    )
    return msgspec.structs.replace(
        _begun(order),
        client_name=None,
        client_addr=None,
        helo=None,
        opened=True,
        status=scenario.status,
        rows=tuple(row for rcpt in scenario.rcpts for row in rcpt.rows),
    )


def _send(order: Order, etc: Path) -> Mail:
    return _by_sendmail(order, etc) if order.scenario.door is Door.SENDMAIL else _by_smtp(order)


def send(orders: list[Order], etc: Path, seconds: float) -> list[Mail]:
    """Send all mails over a few connections at a time, spread over `seconds`; the truth of each."""
    pause = seconds / max(1, len(orders))

    def paced(order: Order) -> Mail:
        time.sleep(max(0.0, begun + order.number * pause - time.monotonic()))
        return _send(order, etc)

    begun = time.monotonic()
    with ThreadPoolExecutor(6) as pool:
        return list(pool.map(paced, orders))
