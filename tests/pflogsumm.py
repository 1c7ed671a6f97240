"""Another program's word on the same log: pflogsumm's lists as records of numbers.

It writes a number above half a million as units of 1024, cut off; so are ours before they are
compared.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.missing import missing

Numbers = tuple[str, ...]
"""Columns as printed; times without their unit."""


class Summary:
    """What one run printed."""

    def __init__(self, said: str) -> None:
        self._said = said

    def totals(self) -> dict[str, str]:
        """The grand totals by its own words."""
        text = self._section("Grand Totals")
        (deferrals,) = re.findall(r"\((\d+)  deferrals\)", text)
        pairs = re.findall(r"^ +(\d+k?) +([a-z/ ]+[a-z])", text, flags=re.MULTILINE)
        return {words: number for number, words in pairs} | {"deferrals": deferrals}

    def days(self) -> dict[str, Numbers]:
        """By month and day, as `11-23`; its year is a guess by today's."""
        rows = self._rows("Per-Day Traffic Summary", r"\d{4}-(\d\d-\d\d) (.*)")
        return {day: tuple(numbers.split()) for day, numbers in rows}

    def hours(self) -> dict[int, Numbers]:
        """Of one day's log; hours without anything are left out."""
        rows = self._rows("Per-Hour Traffic Summary", r"(\d\d):00-\d\d:00 (.*)")
        found = {int(hour): tuple(numbers.split()) for hour, numbers in rows}
        return {hour: numbers for hour, numbers in found.items() if set(numbers) != {"0"}}

    def recipient_domains(self) -> dict[str, Numbers]:
        """Delivered, bytes, deferrals, average and longest delay."""
        number, delay = r"(\d+k?)", r"(\d+\.\d) s"
        pattern = rf"{number} +{number} +{number} +{delay} +{delay}  (\S.*)"
        rows = self._rows("Host/Domain Summary: Message Delivery", pattern)
        return {domain: tuple(numbers) for *numbers, domain in rows}

    def sender_domains(self) -> dict[str, Numbers]:
        """Received, bytes."""
        rows = self._rows("Host/Domain Summary: Messages Received", r"(\d+k?) +(\d+k?) +(\S.*)")
        return {domain: tuple(numbers) for *numbers, domain in rows}

    def people(self, title: str) -> dict[str, str]:
        """A list of addresses: `Senders by message count` and the like."""
        return {address: number for number, address in self._rows(title, r"(\d+k?) +(\S.*)")}

    def reasons(self, title: str) -> dict[tuple[str, ...], int]:
        """A list of lists: what the headings above a line say, and the line, with its number."""
        found = {}
        above: dict[int, str] = {}
        for line in self._section(title).splitlines():
            indented = len(line) - len(line.lstrip())
            above = {depth: text for depth, text in above.items() if depth < indented}
            if counted := re.fullmatch(r" +(\d+)   (.*)", line):
                found[*above.values(), counted[2]] = int(counted[1])
            else:
                above[indented] = re.sub(r" \(total: \d+\)$", "", line.strip())
        return found

    def _rows(self, title: str, pattern: str) -> Iterator[tuple[str, ...]]:
        for line in self._section(title).splitlines():
            if found := re.fullmatch(pattern, line.strip()):
                yield found.groups()

    def _section(self, title: str) -> str:
        """What stands below a title and its line, up to the next one."""
        _, found, behind = self._said.partition(f"\n{title}")
        assert found, f"pflogsumm has no list {title}"
        return re.split(r"\n\n+(?=\S)", behind.partition("\n-")[2].partition("\n")[2])[0]


def summary(log: Path) -> Summary:
    """pflogsumm on a file, every list whole, reasons not cut short."""
    if (program := shutil.which("pflogsumm")) is None:
        missing("not installed: pflogsumm (apt-get install pflogsumm)")
    done = subprocess.run(
        [program, "--iso-date-time", "--verbose-msg-detail", log],
        env={**os.environ, "LC_ALL": "C"}, capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    return Summary(done.stdout.decode(errors="replace"))


def as_printed(number: int) -> str:
    """It leaves out the thousands' rest from half a million on."""
    return f"{number // 1024}k" if number > 524_288 else str(number)


def printed(numbers: Mapping[str, int]) -> dict[str, str]:
    """As it prints these."""
    return {name: as_printed(number) for name, number in numbers.items()}
