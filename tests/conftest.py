"""What every test shares: the real servers, one fixture file each."""

pytest_plugins = ["tests.fix_kafka", "tests.fix_postgres"]
