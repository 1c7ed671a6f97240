"""Programs that are not Postfix's but say that log lines are missing: journald, rsyslog, ourselves.

systemd src/journal/journald-server.c, rsyslog plugins/imuxsock, plugins/imjournal and
runtime/ratelimit.c, posttrail_producers. Whatever else they say is foreign.
"""

from posttrail_processors.parse.formats import Component, says, table

JOURNALD = Component(
    queued=table(),
    noqueue=table(),
    plain=table(
        says(
            "suppressed",
            "gap",
            "Suppressed ",
            r"(?P<lines>\d{1,24}) messages from (?P<unit>.*)",
            source="journal",
        ),
    ),
)

_BEGIN = r".*(?P<reason>begin to drop messages due to rate-limiting).*"
_LOST = r".*?(?P<lines>\d{1,24}) (?P<reason>messages (?:from pid \d+ )?lost due to rate-limiting).*"
_LOST_FROM = r".*lost (?P<lines>\d{1,24}) (?P<reason>messages from pid \d+ due to rate-limiting).*"

RSYSLOG = Component(
    queued=table(),
    noqueue=table(),
    plain=table(
        *(
            says("rate limit", "gap", starts, rest, source="rsyslog")
            for starts in ("imuxsock", "imjournal")
            for rest in (_BEGIN, _LOST_FROM, _LOST)
        ),
    ),
)

PRODUCER = Component(
    queued=table(),
    noqueue=table(),
    plain=table(
        says(
            "gap",
            "gap",
            "gap: lines=",
            r"(?:(?P<lines>\d{1,24})|unknown) source=(?P<source>.+?) reason=(?P<reason>.*)",
        ),
    ),
)

OTHERS = {
    "systemd-journald": JOURNALD,
    "rsyslogd": RSYSLOG,
    "rsyslogd-2177": RSYSLOG,  # with the number of its error (RS_RET_RATE_LIMITED): seen in 8.2302
    "posttrail/producer": PRODUCER,
}
"""By the whole tag."""
