"""The first process of the namespaces that a private Postfix lives in: sets up, then obeys.

Runs as `python -m tests.postfix.inside BASE HOST LOG LONG_IDS` below `unshare` (see mailhost.py).
Reads one JSON order per line and answers each with one JSON line. When it ends, the kernel ends
all the rest, for it is process 1. No packet leaves: the network namespace has only a loopback.
"""

import asyncio
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from tests.postfix import client, far, truth
from tests.postfix.scenarios import orders

HERE = Path(__file__).parent
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
NOT_WAITED_FOR = {"hold", "corrupt"}


def run(*command: str | Path) -> None:
    """Run a program that must succeed."""
    subprocess.run(command, check=True, timeout=30, stdout=subprocess.DEVNULL)


def until(seconds: float, happened: Callable[[], bool]) -> None:
    """Wait until something is true.

    Raises:
        TimeoutError: it did not become true in time.
    """
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError(f"still not: {happened.__name__}")
        time.sleep(0.05)


def loopback_up() -> None:
    """Set IFF_UP on `lo`, which a new network namespace has switched off (netdevice(7))."""
    set_flags, up = 0x8914, 0x1
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh14x", b"lo", up))


class Inside:
    """One private mail host."""

    def __init__(self, base: Path, host: str, log: str, long_ids: str) -> None:
        self.base, self.host, self.log, self.long_ids = base, host, log, long_ids
        self.etc = base / "etc"

    def set_up(self) -> None:
        """Everything that must stand before Postfix starts."""
        loopback_up()
        socket.sethostname(self.host)
        self._write_config()
        run("mount", "--bind", self.etc / "hosts", "/etc/hosts")
        if self.log == "journal":
            self._private_run()
            self._start_journald()
        if self.log != "file":
            self._private_devices()

    def _write_config(self) -> None:
        words = {
            "@BASE@": str(self.base),
            "@HOST@": self.host,
            "@LONG_IDS@": self.long_ids,
            "@MAILLOG@": str(self.base / "mail.log") if self.log == "file" else "",
        }
        for name in ("etc", "queue", "data", "meta", "mailboxes"):
            (self.base / name).mkdir()
        for template in (HERE / "etc").iterdir():
            text = template.read_text()
            for word, value in words.items():
                text = text.replace(word, value)
            (self.etc / template.name).write_text(text)
        for name in ("postfix-files", "dynamicmaps.cf"):
            shutil.copy(Path("/etc/postfix") / name, self.base / "meta")
        shutil.chown(self.base / "data", "postfix")
        os.chown(self.base / "mailboxes", 65534, 65534)

    def _private_run(self) -> None:
        run("mount", "-t", "tmpfs", "tmpfs", "/run")
        Path("/run/systemd/journal").mkdir(parents=True)
        # "Flushed": journald writes to /var/log/journal at once.
        Path("/run/systemd/journal/flushed").touch()
        (self.base / "journal").mkdir()
        Path("/var/log/journal").mkdir(exist_ok=True)
        run("mount", "--bind", self.base / "journal", "/var/log/journal")
        run("mount", "--bind", self.etc / "journald.conf", "/etc/systemd/journald.conf")

    def _start_journald(self) -> None:
        subprocess.Popen(["/lib/systemd/systemd-journald"], stderr=subprocess.DEVNULL)
        until(10, Path("/run/systemd/journal/dev-log").exists)

    def _private_devices(self) -> None:
        """A /dev of our own, for /dev/log must be ours."""
        journald = Path("/run/systemd/journal/dev-log")
        target = journald if self.log == "journal" else self.base / "dev-log"
        dev = self.base / "dev"
        dev.mkdir()
        run("mount", "-t", "tmpfs", "tmpfs", dev)
        for name in DEVICES:
            (dev / name).touch()
            run("mount", "--bind", f"/dev/{name}", dev / name)
        (dev / "fd").symlink_to("/proc/self/fd")
        (dev / "log").symlink_to(target)
        run("mount", "--rbind", dev, "/dev")

    def start(self) -> None:
        """Start the far ends, then Postfix."""
        notes = self.base / "far.jsonl"
        notes.touch()
        threading.Thread(target=lambda: asyncio.run(far.serve(notes)), daemon=True).start()
        for words in (["127.0.0.1:10101"], ["-L", "127.0.0.1:10102"]):
            subprocess.Popen(["smtp-sink", "-u", "nobody", *words, "200"])
        run("postfix", "-c", self.etc, "start")
        until(10, self._answers)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", 10025)) == 0

    def load(self, count: int, seed: int, seconds: float) -> None:
        """Send the mails, then leave the truth about them in truth.json."""
        mails = client.send(list(orders(count, self.host, seed)), self.etc, seconds)
        truth.write(self.base / "truth.json", list(self._operated(mails)))

    def _operated(self, mails: list[truth.Mail]) -> Iterator[truth.Mail]:
        """What an operator does with the first mails on hold: one goes out, one is deleted."""
        todo = iter(("-H", "-d"))
        for mail in mails:
            if mail.scenario != "hold":
                yield mail
                continue
            match next(todo, None):
                case None:
                    yield msgspec.structs.replace(mail, status="held", rows=())
                case "-H":
                    self.postsuper("-H", mail.queue_id or "")
                    yield mail
                case deletion:
                    self.postsuper(deletion, mail.queue_id or "")
                    yield msgspec.structs.replace(mail, rows=())

    def configure(self, **parameters: str) -> None:
        """Change parameters of main.cf while it runs."""
        for name, value in parameters.items():
            run("postconf", "-c", self.etc, "-e", f"{name}={value}")
        run("postfix", "-c", self.etc, "reload")

    def submit(self, recipients: list[str], header: str) -> None:
        """A mail by sendmail(1)."""
        subprocess.run(
            ["sendmail", "-C", str(self.etc), "-i", "-f", "s@sender.test", *recipients],
            input=f"{header}\n\nhi\n", text=True, check=True, timeout=20,
        )  # fmt: skip

    def list_queue(self) -> None:
        """Leave what `postqueue -j` says in queue.json."""
        with (self.base / "queue.json").open("wb") as listed:
            command = ["postqueue", "-c", str(self.etc), "-j"]
            subprocess.run(command, check=True, stdout=listed, timeout=20)

    def postsuper(self, action: str, queue_id: str) -> None:
        """As an operator does: -d deletes, -h holds."""
        run("postsuper", "-c", self.etc, action, queue_id)

    def settle(self, seconds: float) -> None:
        """Wait until the queue is empty but for what is on hold."""
        until(seconds, self.is_idle)

    def is_idle(self) -> bool:
        """Whether no mail waits for anything."""
        places = ("incoming", "active", "deferred", "maildrop")
        return not any(
            found.is_file()
            for place in places
            for found in (self.base / "queue" / place).rglob("*")
        )

    def stop(self) -> None:
        """Stop Postfix; with a journal, wait until all lines stand in it."""
        run("postfix", "-c", self.etc, "stop")
        if self.log == "journal":
            run("journalctl", "--sync")


def obey(inside: Inside) -> None:
    """Read orders until the end of standard input."""
    for line in sys.stdin:
        order: dict[str, Any] = json.loads(line)
        getattr(inside, order.pop("do"))(**order)
        sys.stdout.write("{}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    obey(Inside(Path(sys.argv[1]), *sys.argv[2:]))
