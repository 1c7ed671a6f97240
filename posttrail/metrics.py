"""Every Prometheus metric of every stage, in one typed place.

docs/metrics.md, the dashboard and the alert rules are tested against these names.
"""

from prometheus_client import Counter, Gauge, Histogram

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

# Sinks
SINK_FACTS = Counter("posttrail_sink_facts", "Facts whose transaction is committed", ["type"])
SINK_DEAD = Counter("posttrail_sink_dead", "Facts sent to maillog.dead")
SINK_BATCH = Histogram("posttrail_sink_batch_seconds", "One transaction, from COPY to COMMIT")
SINK_RETRIES = Counter("posttrail_sink_retries", "Transactions tried again", ["cause"])
SINK_FENCED = Counter("posttrail_sink_fenced", "Times another sink had taken over a partition")

# All consumers
LAG = Gauge("posttrail_lag_records", "Records not read yet", ["stage", "topic", "partition"])
REBALANCES = Counter("posttrail_rebalances", "Assignments given or taken", ["stage", "kind"])
