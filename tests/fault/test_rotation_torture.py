"""Rotation of all kinds, several times a second, while thousands of lines a second are written."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.followed import Followed
from tests.rotating_log import RotatingLog

SECONDS = 4.0


def read_while_written(
    producer: Followed, log: RotatingLog, restarts: random.Random | None = None
) -> None:
    """Read as a producer does; `restarts`: with crashes, about one in ten rounds."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        producer.read()
        if restarts is not None and restarts.random() < 0.1:
            producer.read_and_lose()
        time.sleep(0.02)


@pytest.mark.parametrize("seed", [1, 2])
def test_rotation_by_name_loses_nothing(tmp_path: Path, seed: int) -> None:
    kinds = ["rename", "compress", "vanish"]
    with RotatingLog(tmp_path / "mail.log", kinds, 0.1, seed) as log:
        producer = Followed(log.path)
        read_while_written(producer, log)
    producer.read()
    producer.read()
    producer.stop()
    assert log.rotated > 10
    assert producer.numbers == [*range(log.written)]
    assert producer.gaps == []


@pytest.mark.parametrize("seed", [1, 2])
def test_rotation_by_name_and_crashes_lose_nothing(tmp_path: Path, seed: int) -> None:
    with RotatingLog(tmp_path / "mail.log", ["rename", "compress"], 0.1, seed) as log:
        producer = Followed(f"{log.path}*")
        read_while_written(producer, log, random.Random(seed))
    producer.read()
    producer.read()
    producer.stop()
    assert log.rotated > 10
    assert producer.numbers == [*range(log.written)]
    assert producer.gaps == []


def test_copytruncate_repeats_nothing_and_tells_what_it_may_lose(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with RotatingLog(tmp_path / "mail.log", ["copytruncate"], 0.2, 1) as log:
        producer = Followed(log.path)
        read_while_written(producer, log)
    producer.read()
    producer.read()
    producer.stop()
    kept = producer.numbers
    record_property("rotations", log.rotated)
    record_property("lost", log.written - len(kept))
    assert kept == sorted(set(kept))
    assert len(producer.gaps) == log.rotated
    assert set(producer.gaps) == {"copytruncate"}
    # At 5,000 lines a second each copy takes a millisecond or so.
    assert len(kept) > 0.97 * log.written
