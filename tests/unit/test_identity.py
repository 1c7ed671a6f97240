"""Queue ids and the time inside them."""

from datetime import UTC, datetime

from posttrail import identity


def micros(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1_000_000)


def test_a_long_id_tells_when_it_was_made() -> None:
    born = identity.born_of_long_id("47NQzY13DbzNWNQG")

    assert datetime.fromtimestamp(born // 1_000_000, UTC).isoformat() == "2019-11-27T16:22:49+00:00"
    assert born % 1_000_000 == 149375


def test_the_last_z_of_a_long_id_separates() -> None:
    assert identity.born_of_long_id("3Pt2mN2VXxznjll") == micros("2011-03-20T14:31:48.353025+00:00")


def test_a_short_id_was_made_at_the_latest_instant_with_its_microseconds() -> None:
    opened = micros("2026-11-23T11:07:08.374221+00:00")

    assert identity.born_of_short_id("5B58E24853E", opened) == micros(
        "2026-11-23T11:07:08.374158+00:00"
    )


def test_words_that_look_like_ids_are_none() -> None:
    for word in ("NOQUEUE", "warning", "STATISTICS1", "FFFFF1", "", "DEAD"):
        assert not identity.is_queue_id(word)
