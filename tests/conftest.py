"""What every test shares: the real servers, one fixture file each."""

pytest_plugins = [
    "tests.fix_journal",
    "tests.fix_kafka",
    "tests.fix_postfix",
    "tests.fix_postgres",
    "tests.fix_rsyslog",
    "tests.fix_secure",
    "tests.fix_sink",
    "tests.fix_stack",
    "tests.fix_web",
    "tests.fix_sample",  # after fix_stack, which it imports
]
