"""Three Postfix hosts that pass mails on, from one client's first word to the last mailbox.

Runs as `python -m tests.postfix.three_hosts BASE` below `unshare` (see `run`), as process 1: when
it ends, the kernel ends all the rest. The hosts have addresses of their own on the namespace's
loopback, so that a mail on its way looks as it does in life; no packet leaves. Leaves
BASE/mx1/mail.log and so on, and BASE/truth.json.
"""

import asyncio
import fcntl
import json
import os
import shutil
import smtplib
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from tests.postfix.inside import loopback_up, until
from tests.postfix.inside import run as must
from tests.postfix.mailhost import ROOT, UNSHARE
from tests.postfix.received import Hop, Story, Truth, ends_of, steps_of

CONFIGURATION = Path(__file__).parent / "three"
ADDRESSES = {"mx1": "192.0.2.11", "mx2": "192.0.2.12", "mx3": "192.0.2.13"}
CLIENT = "198.51.100.7"
SMTP, SIMPLE_FILTER = 25, 10026
FILTER, BACK = 10024, 10025
RUN_S = 60


def run(base: Path) -> Truth:
    """Make the three hosts, let the stories happen, and tell the truth about them.

    Raises:
        subprocess.CalledProcessError: something did not happen; its error stands above.
    """
    command = [*UNSHARE, sys.executable, "-m", "tests.postfix.three_hosts", str(base)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=RUN_S)
    return msgspec.json.decode((base / "truth.json").read_bytes(), type=Truth)


def give_addresses() -> None:
    """Put the addresses on the loopback (SIOCSIFADDR, netdevice(7))."""
    set_address = 0x8916
    loopback_up()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for number, address in enumerate([*ADDRESSES.values(), CLIENT]):
            packed = struct.pack("16sHH4s8x", f"lo:{number}".encode(), socket.AF_INET, 0,
                                 socket.inet_aton(address))  # fmt: skip
            fcntl.ioctl(any_socket, set_address, packed)


class Host:
    """One of the three."""

    def __init__(self, base: Path, name: str) -> None:
        self.name, self.base, self.etc = name, base / name, base / name / "etc"
        for part in ("etc", "queue", "data", "meta", "mailboxes"):
            (self.base / part).mkdir(parents=True)
        for kind, parts in (("main.cf", "cf"), ("master.cf", "master.cf")):
            texts = [CONFIGURATION / kind, CONFIGURATION / f"{name}.{parts}"]
            text = "".join(part.read_text() for part in texts)
            text = text.replace("@BASE@", str(self.base)).replace("@HOST@", name)
            (self.etc / kind).write_text(text)
        for part in ("postfix-files", "dynamicmaps.cf"):
            shutil.copy(Path("/etc/postfix") / part, self.base / "meta")
        shutil.chown(self.base / "data", "postfix")
        os.chown(self.base / "mailboxes", 65534, 65534)

    def start(self) -> None:
        """Start it and wait until it answers."""
        must("postfix", "-c", self.etc, "start")

        def answers() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex((ADDRESSES[self.name], SMTP)) == 0

        until(10, answers)

    def stop(self) -> None:
        """Stop it in good order; its log is whole then."""
        must("postfix", "-c", self.etc, "stop")

    def waiting(self) -> list[str]:
        """The queue ids of all mails in its queue."""
        listed = subprocess.run(
            ["postqueue", "-c", self.etc, "-j"], check=True, capture_output=True, timeout=20
        ).stdout
        return [str(json.loads(line)["queue_id"]) for line in listed.splitlines()]

    def is_idle(self) -> bool:
        """Whether no mail is left in it."""
        places = ("maildrop", "incoming", "active", "deferred")
        return not any(
            found.is_file()
            for place in places
            for found in (self.base / "queue" / place).rglob("*")
        )

    def mails(self, mailbox: str = "*") -> list[Path]:
        """All mails in its mailboxes."""
        return sorted((self.base / "mailboxes").glob(f"{mailbox}/new/*"))


def at_once(do: Callable[[Host], None], *hosts: Host) -> None:
    """Do it to each host, and wait for all."""
    with ThreadPoolExecutor(len(hosts)) as pool:
        list(pool.map(do, hosts))


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A content filter that likes every mail: what mx1 says goes back to mx1, replies as well."""
    back_reader, back_writer = await asyncio.open_connection("127.0.0.1", BACK)

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
        target.close()

    await asyncio.gather(pump(reader, back_writer), pump(back_reader, writer))


async def serve_filter() -> None:
    """Answer until the process ends."""
    server = await asyncio.start_server(pass_on, "127.0.0.1", FILTER)
    async with server:
        await server.serve_forever()


def send(name: str, to: str, *, port: int = SMTP, option: str = "", of: str = "") -> Story:
    """Give a mail to mx1; `of`: it is a copy of that story's mail."""
    message_id = f"{of or name}@client.example.net"
    content = (
        f"From: sender@a.example\r\nMessage-ID: <{message_id}>\r\nSubject: {name}\r\n\r\nhi\r\n"
    )
    with smtplib.SMTP(
        ADDRESSES["mx1"], port, "client.example.net", 20, source_address=(CLIENT, 0)
    ) as smtp:
        smtp.ehlo()
        for command in ("MAIL FROM:<sender@a.example>", f"RCPT TO:<{to}>{option}"):
            code, reply = smtp.docmd(command)
            assert code == 250, (name, command, reply)
        code, reply = smtp.data(content.encode())
    assert code == 250, (name, reply)
    queue_id = reply.decode().rpartition("queued as ")[2].strip()
    return Story(name=name, message_id=message_id, first=Hop("mx1", queue_id))


def late_mail(mx1: Host, mx3: Host) -> Story:
    """One that waits until its sender is told, and is queued anew; then mx3 comes up."""
    story = send("late", "late@c.example")

    def sender_was_told() -> bool:
        return bool(mx1.mails("sender")) and len(mx1.waiting()) == 1

    until(20, sender_was_told)
    (waiting,) = mx1.waiting()
    must("postsuper", "-c", mx1.etc, "-r", waiting)
    mx3.start()
    return story


def stories(mx1: Host, mx3: Host) -> Iterator[Story]:
    """Everything that a client sends, while mx3 is still down at the beginning."""
    yield late_mail(mx1, mx3)
    yield send("list", "team@b.example")
    yield send("told", "box@c.example", option=" NOTIFY=SUCCESS")
    yield send("simple", "crew@b.example", port=SIMPLE_FILTER)
    yield send("once", "far@c.example", of="copies")
    yield send("again", "far@c.example", of="copies")


def main(base: Path) -> None:
    """The whole run."""
    give_addresses()
    socket.sethostname("three")
    must("mount", "--bind", CONFIGURATION / "hosts", "/etc/hosts")
    mx1, mx2, mx3 = hosts = [Host(base, name) for name in ADDRESSES]
    # sendmail(1), which the simple filter calls, reads no other directory than this.
    must("mount", "--bind", mx1.etc, "/etc/postfix")
    threading.Thread(target=lambda: asyncio.run(serve_filter()), daemon=True).start()
    at_once(Host.start, mx1, mx2)
    told = tuple(stories(mx1, mx3))

    def all_is_done() -> bool:
        return all(host.is_idle() for host in hosts)

    until(20, all_is_done)
    at_once(Host.stop, *hosts)
    mails = [mail for host in hosts for mail in host.mails()]
    truth = Truth(stories=told, steps=steps_of(mails), mailboxes=ends_of(mails))
    (base / "truth.json").write_bytes(msgspec.json.encode(truth))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
