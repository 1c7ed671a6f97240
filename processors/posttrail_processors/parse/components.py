"""Which daemon a tag means: `postfix/submission/smtpd` is smtpd, in any instance.

global/mail_task.c: the last part of the tag is the name that master.cf runs. A tag is Postfix's
when its last part is one of these names, or its first part starts with `postfix`.
"""

from posttrail_processors.parse.agents import AGENT, SMTP
from posttrail_processors.parse.cleanup import CLEANUP
from posttrail_processors.parse.formats import Component
from posttrail_processors.parse.helpers import (
    ANVIL,
    MASTER,
    QUIET,
    SCACHE,
    SCRIPT,
    TLSMGR,
    VERIFY,
)
from posttrail_processors.parse.postscreen import DNSBLOG, POSTSCREEN, TLSPROXY
from posttrail_processors.parse.queue import BOUNCE, PICKUP, POSTSUPER, QMGR
from posttrail_processors.parse.smtpd import QMQPD, SMTPD

COMPONENTS: dict[str, Component] = {
    "smtpd": SMTPD,
    "qmqpd": QMQPD,
    "cleanup": CLEANUP,
    "qmgr": QMGR,
    "oqmgr": QMGR,
    "nqmgr": QMGR,
    "pickup": PICKUP,
    "bounce": BOUNCE,
    "postsuper": POSTSUPER,
    "smtp": SMTP,
    "lmtp": SMTP,
    **dict.fromkeys(("local", "virtual", "pipe", "error", "retry", "discard"), AGENT),
    "postscreen": POSTSCREEN,
    "dnsblog": DNSBLOG,
    "tlsproxy": TLSPROXY,
    "anvil": ANVIL,
    "scache": SCACHE,
    "master": MASTER,
    "verify": VERIFY,
    "tlsmgr": TLSMGR,
    **dict.fromkeys(
        (
            "defer", "trace", "flush", "showq", "trivial-rewrite", "proxymap", "spawn", "postlogd",
            "sendmail", "postdrop", "postqueue", "postmap", "postalias", "postcat", "postconf",
            "postkick", "postlock", "postmulti", "newaliases", "mailq", "nbdb_reindexd",
            "posttls-finger", "smtp-sink", "smtp-source", "qmqp-sink", "qmqp-source",
        ),
        QUIET,
    ),
    **dict.fromkeys(
        (
            "postlog", "postfix", "postfix-script", "postfix-wrapper", "postfix-tls-script",
            "postmulti-script", "post-install",
        ),
        SCRIPT,
    ),
}  # fmt: skip
"""Every program of Postfix by its name."""

UNKNOWN = AGENT
"""A program that Postfix does not bring, started by master: it may deliver or complain."""
