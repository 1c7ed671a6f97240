"""What a replay shows of one row."""

from posttrail_sinks.replay_report import Report, TableChanges, change

KEYS = ("queue_id", "born")
OLD = {"queue_id": "A0001", "born": "2019-11-27", "sender": "alice@example.com", "size": 5}


def test_a_changed_row_shows_old_and_new_of_the_columns_that_differ() -> None:
    found = change("changed", KEYS, OLD, OLD | {"sender": "bob@example.com"})

    assert found.key == {"queue_id": "A0001", "born": "2019-11-27"}
    assert found.columns == {"sender": ("alice@example.com", "bob@example.com")}


def test_a_row_that_comes_or_goes_shows_what_it_holds() -> None:
    row = OLD | {"subject": None}

    assert change("added", KEYS, None, row).columns == {
        "sender": (None, "alice@example.com"),
        "size": (None, 5),
    }
    assert change("vanished", KEYS, row, None).columns == {
        "sender": ("alice@example.com", None),
        "size": (5, None),
    }


def test_a_report_adds_up_its_tables() -> None:
    tables = {
        "delivery_from": TableChanges(added=1, changed=2, vanished=3, columns={}, examples=[]),
        "noqueue": TableChanges(added=0, changed=0, vanished=4, columns={}, examples=[]),
    }
    report = Report(lines=9, facts=9, out_of_reach=0, moving=0, tables=tables, swapped=False)

    assert report.total == 10
