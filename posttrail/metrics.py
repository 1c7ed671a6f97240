"""Every Prometheus metric of every stage, in one typed place.

docs/metrics.md, the dashboard and the alert rules are tested against these names.
"""

import time

from prometheus_client import Counter, Gauge, Histogram

# Every process
BUILD = Gauge("posttrail_build_info", "Always 1; the version is in the label", ["version"])
LIVE = Gauge("posttrail_live", "Whether the process works or waits; 0: it is stuck")
READY = Gauge("posttrail_ready", "Whether the process works; 0: it waits for a server, or is stuck")
LAST_ERROR = Gauge(
    "posttrail_last_error_timestamp_seconds",
    "When something had to be tried again for the last time, in seconds since 1970",
    ["stage"],
)

# Producers
PRODUCED_LINES = Counter(
    "posttrail_producer_lines", "Lines committed to maillog.raw", ["source"]
)  # fmt: skip
PRODUCED_BYTES = Counter("posttrail_producer_bytes", "Bytes of these lines", ["source"])
PRODUCER_COMMITS = Counter("posttrail_producer_commits", "Transactions committed", ["source"])
PRODUCER_LAG = Gauge("posttrail_producer_lag_bytes", "Bytes of log files not read yet", ["source"])
PRODUCER_BEHIND = Gauge(
    "posttrail_producer_behind_seconds",
    "Age of the last journal entry read; 0: at the end",
    ["source"],
)
PRODUCER_RETRIES = Counter(
    "posttrail_producer_retries", "Transactions that failed and are tried again", ["source"]
)
PRODUCER_GAPS = Counter("posttrail_producer_gaps", "Gap records written", ["source", "reason"])

# Processors
LINES = Counter("posttrail_processor_lines", "Lines read, by what became of them", ["class"])
IGNORED = Counter(
    "posttrail_processor_ignored", "Known lines that no table needs", ["component", "action"]
)
FACTS = Counter("posttrail_processor_facts", "Facts sent to maillog.deliveries", ["type"])
PROCESSOR_BATCH = Histogram(
    "posttrail_processor_batch_seconds", "From a poll to the broker's word for its facts"
)
PROCESSOR_RETRIES = Counter(
    "posttrail_processor_retries", "Shipments of facts that Kafka did not take at once", ["cause"]
)

# Sinks
SINK_FACTS = Counter("posttrail_sink_facts", "Facts whose transaction is committed", ["type"])
SINK_DEAD = Counter("posttrail_sink_dead", "Facts sent to maillog.dead")
SINK_BATCH = Histogram("posttrail_sink_batch_seconds", "One transaction, from COPY to COMMIT")
SINK_RETRIES = Counter("posttrail_sink_retries", "Transactions tried again", ["cause"])
SINK_FENCED = Counter("posttrail_sink_fenced", "Times another sink had taken over a partition")
SINK_PARTIAL = Counter(
    "posttrail_sink_partial_ids", "Short ids whose mail's first line did not come in time"
)
SINK_DROPPED = Counter("posttrail_sink_dropped_tables", "Day partitions dropped by retention")

# Delivery events
EVENTS_PUBLISHED = Counter(
    "posttrail_events_published", "States committed to maillog.events", ["kind"]
)
EVENTS_BEHIND = Gauge(
    "posttrail_events_behind_seconds",
    "Age of the oldest change that is not published; 0: none waits",
)
EVENTS_RETRIES = Counter("posttrail_events_retries", "Batches of states that are tried again")
WEBHOOK_SENT = Counter("posttrail_webhook_sent", "Events that a target took", ["target"])
WEBHOOK_RETRIES = Counter(
    "posttrail_webhook_retries", "Deliveries that failed and are tried again", ["target"]
)
WEBHOOK_DEAD = Counter("posttrail_webhook_dead", "Events sent to maillog.dead", ["target"])

# All consumers
PARTITIONS = Gauge("posttrail_partitions", "Partitions that this process holds", ["stage"])
LAG = Gauge("posttrail_lag_records", "Records not read yet", ["stage", "topic", "partition"])
REBALANCES = Counter("posttrail_rebalances", "Assignments given or taken", ["stage", "kind"])

# `posttrail watch`: what the whole posttrail looks like, from Kafka and the views of PostgreSQL
WATCH_LOOKED = Gauge(
    "posttrail_watch_timestamp_seconds", "When the last look succeeded, in seconds since 1970"
)
WATCH_SECONDS = Gauge("posttrail_watch_seconds", "How long the last look took")
WATCH_WAITING = Gauge("posttrail_watch_waiting_records", "Records before each stage", ["stage"])
WATCH_DEAD = Gauge("posttrail_watch_dead_records", "Records in maillog.dead")
WATCH_SILENT = Gauge(
    "posttrail_watch_silent_seconds", "Since the host's last mail or refusal", ["host"]
)
WATCH_USUAL = Gauge(
    "posttrail_watch_usual_entries",
    "Mails and refusals that the host usually has in the time for which it is silent",
    ["host"],
)
WATCH_DEFERRED = Gauge(
    "posttrail_watch_deferred_recipients",
    "Recipients of the last hour that wait, of the domains with most",
    ["domain"],
)
WATCH_ENDED = Gauge(
    "posttrail_watch_ended_recipients",
    "Recipients of the last hour that do not wait, of the same domains",
    ["domain"],
)
WATCH_NETWORKS = Gauge(
    "posttrail_watch_login_networks",
    "Networks from which the login with most sent in the last hour",
)
WATCH_GAPS = Gauge("posttrail_watch_gaps", "Gaps in the log of the last hour", ["host", "source"])
WATCH_GAP_LINES = Gauge(
    "posttrail_watch_gap_lines", "Lines that they lack, where that is known", ["host", "source"]
)
WATCH_SHORT = Gauge(
    "posttrail_watch_waiting_bundles", "Bundles of short ids that wait for their mail's first line"
)
WATCH_MARKS = Gauge(
    "posttrail_watch_event_marks",
    "Changed rows whose state is not on maillog.events yet, counted up to a million",
)
WATCH_MARKED = Gauge(
    "posttrail_watch_event_marks_seconds", "Age of the oldest of them; 0: none waits"
)


def failed(stage: str) -> None:
    """Something had to be tried again just now."""
    LAST_ERROR.labels(stage).set(time.time())
