"""A `systemctl` for simulated hosts: starts services as a manager does that heeds Type=notify.

Run as `python simulated_systemctl.py STATE enable --now UNIT…`. Of a unit it reads what decides how
the program is called; users and hardening need the real systemd (tests/integration).
"""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

UNITS = Path("/etc/systemd/system")
PATIENCE_S = 60.0


def section(name: str) -> dict[str, list[str]]:
    """The settings of `[Service]`: the common file, then the unit's own."""
    template = re.sub(r"@.*\.", "@.", name)
    found: dict[str, list[str]] = {}
    for path in (UNITS / "posttrail-.service.d/common.conf", UNITS / template):
        service = path.read_text().partition("[Service]")[2].partition("\n[")[0]
        for key, value in re.findall(r"^(\w+)=(.*)$", service, re.MULTILINE):
            found.setdefault(key, []).append(value)
    assert found["Type"] == ["notify"]
    return found


class Service:
    """One unit of a host."""

    def __init__(self, state: Path, unit: str) -> None:
        self.unit = unit
        self._section = section(unit)
        self._base = state / unit.replace("/", "_")
        self._pid = self._base.with_suffix(".pid")

    def _filled(self, text: str) -> str:
        instance = self.unit.partition("@")[2].removesuffix(".service")
        unescape = ["systemd-escape", "--unescape", "--path", instance]
        path = "" if "%f" not in text else subprocess.check_output(unescape, text=True).strip()
        return text.replace("%i", instance).replace("%f", path)

    def start(self) -> socket.socket:
        """Start it; what it tells comes to the socket."""
        address = str(self._base.with_suffix(".n"))
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        Path(address).unlink(missing_ok=True)
        manager.bind(address)
        given = dict(
            self._filled(one).split("=", 1) for one in self._section.get("Environment", [])
        )
        with self._base.with_suffix(".log").open("ab") as log:
            process = subprocess.Popen(
                shlex.split(self._filled(self._section["ExecStart"][0])),
                env={**os.environ, **given, "NOTIFY_SOCKET": address},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/",
            )  # fmt: skip
        self._pid.write_text(str(process.pid))
        return manager

    def wait(self, manager: socket.socket) -> None:
        """Until it is ready."""
        manager.settimeout(PATIENCE_S)
        while b"READY=1" not in manager.recv(4096).splitlines():
            pass

    def stop(self) -> None:
        """End it and wait for its end."""
        pid = int(self._pid.read_text())
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE_S
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)

    def reload(self) -> None:
        """Check the settings, then have them read anew, as the unit's ExecReload says."""
        check, hangup = self._section["ExecReload"]
        subprocess.run(shlex.split(check), check=True)
        assert hangup == "/bin/kill -HUP $MAINPID"
        os.kill(int(self._pid.read_text()), signal.SIGHUP)


def main(state: Path, action: str, *arguments: str) -> None:
    """One call of systemctl."""
    if action == "daemon-reload":
        assert list(UNITS.glob("posttrail*"))
        return
    services = [Service(state, unit) for unit in arguments if unit.endswith(".service")]
    targets = [unit for unit in arguments if unit.endswith(".target")]
    assert all((UNITS / target).exists() for target in targets)
    assert len(services) + len(targets) == len([one for one in arguments if one != "--now"])
    if action == "reload":
        for service in services:
            service.reload()
        return
    if action == "restart":
        for service in services:
            service.stop()
    for service, manager in [(service, service.start()) for service in services]:
        service.wait(manager)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
