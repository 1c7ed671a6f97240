import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from posttrail.service import Notifier, Reload


class Manager:
    """The end of the line that systemd holds."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        """Every datagram that came since the last time."""
        found = []
        while True:
            try:
                found.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return found


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    monkeypatch.chdir(tmp_path)  # a socket's path has at most 108 bytes
    opened = Manager("notify")
    yield opened
    opened.socket.close()


def notifier(**more: str) -> Notifier:
    return Notifier({"NOTIFY_SOCKET": "notify"} | more)


def test_states_go_out_in_one_datagram(manager: Manager) -> None:
    notifier().tell("READY=1", "STATUS=follows")

    assert manager.heard() == ["READY=1\nSTATUS=follows"]


def test_a_socket_in_the_abstract_namespace_is_reached() -> None:
    manager = Manager(f"\0posttrail-{os.getpid()}")

    Notifier({"NOTIFY_SOCKET": f"@posttrail-{os.getpid()}"}).tell("READY=1")

    assert manager.heard() == ["READY=1"]
    manager.socket.close()


def test_without_systemd_nothing_is_sent(manager: Manager) -> None:
    silent = Notifier({"WATCHDOG_USEC": "1"})

    silent.tell("READY=1")
    silent.alive()

    assert manager.heard() == []


def test_a_manager_that_is_gone_does_not_end_the_stage(manager: Manager, tmp_path: Path) -> None:
    (tmp_path / "notify").unlink()

    notifier().tell("READY=1")

    assert manager.heard() == []


def test_a_busy_loop_gives_one_sign_of_life_while_none_is_due(manager: Manager) -> None:
    watched = notifier(WATCHDOG_USEC="3600000000")

    for _ in range(1000):
        watched.alive()

    assert manager.heard() == ["WATCHDOG=1"]


def test_signs_of_life_come_again_when_they_are_due(manager: Manager) -> None:
    watched = notifier(WATCHDOG_USEC="1")

    watched.alive()
    watched.alive()

    assert manager.heard() == ["WATCHDOG=1", "WATCHDOG=1"]


def test_without_a_watchdog_there_is_no_sign_of_life(manager: Manager) -> None:
    notifier().alive()

    assert manager.heard() == []


def test_the_watchdog_of_another_process_is_not_ours(manager: Manager) -> None:
    notifier(WATCHDOG_USEC="1", WATCHDOG_PID="1").alive()

    assert manager.heard() == []


@pytest.fixture
def reload() -> Iterator[tuple[Reload, Event]]:
    before = signal.getsignal(signal.SIGHUP)
    stop = Event()
    yield Reload(stop), stop
    signal.signal(signal.SIGHUP, before)


def test_a_hangup_ends_the_work_in_good_order(reload: tuple[Reload, Event]) -> None:
    _, stop = reload

    os.kill(os.getpid(), signal.SIGHUP)

    assert stop.is_set()


def test_a_hangup_with_unusable_settings_changes_nothing(
    reload: tuple[Reload, Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    begins_anew, stop = reload
    monkeypatch.setenv("POSTTRAIL_KAFKA__PORT", "9092")

    os.kill(os.getpid(), signal.SIGHUP)

    assert not stop.is_set()
    begins_anew.begin_anew_if_asked()  # this test goes on, so nothing began anew


def test_only_a_hangup_makes_a_stage_begin_anew(reload: tuple[Reload, Event]) -> None:
    begins_anew, stop = reload
    stop.set()  # as SIGTERM does

    begins_anew.begin_anew_if_asked()

    assert stop.is_set()  # this same process
