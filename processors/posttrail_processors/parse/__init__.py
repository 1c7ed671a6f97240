"""One log line of Postfix, read: which daemon, which of its formats, which fields, as text.

Each daemon has a module here that lists its formats beside the Postfix source file they come from.
Knows no Kafka, no clock and no table; what a field becomes is for `extract`.
"""
