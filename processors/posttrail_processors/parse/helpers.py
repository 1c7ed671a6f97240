"""Daemons and commands that move no mail: anvil, scache, master, verify, tlsmgr and their like.

anvil/anvil.c, scache/scache.c, master/master.c, conf/postfix-script, verify/verify.c,
tlsmgr/tlsmgr.c, postlog/postlog.c. No table needs what they say.
"""

from posttrail_processors.parse.formats import Component, Format, known, table
from posttrail_processors.parse.shared import PLAIN


def _quiet(*formats: Format) -> Component:
    return Component(queued=table(), noqueue=table(), plain=table(*formats, *PLAIN))


ANVIL = _quiet(
    known("statistics", "statistics: max ", r"[\w ]+ \S+ for \(.*\) at .*"),
    known("statistics", "statistics: max cache size ", r"\d+ at .*"),
)

SCACHE = _quiet(
    known("statistics", "statistics: start interval ", ".*"),
    known(
        "statistics", "statistics: ", r"(?:domain|address) lookup hits=\d+ miss=\d+ success=\d+%"
    ),
    known(
        "statistics", "statistics: max simultaneous ", r"domains=\d+ addresses=\d+ connection=\d+"
    ),
)

MASTER = _quiet(
    known("start", "daemon started -- version "),
    known("reload", "reload -- version "),
    known("reload", "reload configuration ", r"\S+"),
    known("stop", "terminating on signal ", r"\d+"),
)

VERIFY = _quiet(known("cache", "close database ", r"\S+: .*"))

TLSMGR = _quiet(
    known("cache", "open ", r"\w+ TLS cache \S+"),
    known("cache", "close database ", r"\S+: .*"),
)

QUIET = _quiet()
"""Daemons that say nothing but what any daemon may say."""

SCRIPT = _quiet(known("says", ""))
"""postfix-script, postlog and their like log what a script or a person tells them: `%s`."""
