"""Delivery agents: smtp, lmtp, local, virtual, pipe, error, retry, discard.

smtp/smtp_trouble.c, smtp_connect.c, smtp_proto.c, local/*.c, virtual/*.c, pipe/pipe.c,
error/error.c, discard/discard.c. What becomes of a recipient is told by one writer for all of them
(parse/delivery.py); here stand the notes that come before it.
"""

from posttrail_processors.parse.formats import Component, known, table
from posttrail_processors.parse.shared import PLAIN, QUEUED, STARTTLS
from posttrail_processors.parse.tokens import NAMADDR

_CHECKS = ("warning", "info", "prepend", "replace", "ignore", "strip", "filter", "redirect", "pass")

SMTP = Component(
    queued=table(
        *QUEUED,
        # One server failed and another is tried: smtp_trouble.c smtp_site_fail, smtp_mesg_fail.
        known("server failed", "host ", rf"{NAMADDR} (?:said|refused to talk to me): .*"),
        known("server failed", "lost connection with ", rf"{NAMADDR} while .*"),
        known("server failed", "conversation with ", rf"{NAMADDR} timed out while .*"),
        known("server failed", "timed out ", "while .*"),
        known("server failed", "Cannot start TLS: "),
        known("server failed", "TLS is required, ", "but .*"),
        known("server failed", "Server certificate ", "not (?:trusted|verified).*"),
        known("server failed", "SASL authentication failed", ".*"),
        known("server failed", "protocol error: "),
        known("server failed", "connect to ", r"\S+: .*"),
        known("server failed", "TLSRPT: "),
        known("PIX workarounds", "enabling PIX workarounds: ", rf".* for {NAMADDR}"),
        known("breaking line", "breaking line > ", r"\d+ bytes with <CR><LF>SPACE"),
        known("REQUIRETLS", "Sender requested REQUIRETLS, but ", ".*"),
        # smtp_proto.c smtp_hbc_log: smtp_header_checks and their like.
        *(
            known("header check", f"{action}: ", "(?:header|body|mime|nested) .*")
            for action in _CHECKS
        ),
    ),
    noqueue=table(),
    plain=table(
        # smtp_connect.c; older: `connect to HOST[ADDR]: REASON (port 25)`.
        known("connect failed", "connect to ", r"\S+: .*"),
        known("discarding EHLO keywords", "discarding EHLO keywords: "),
        # smtp_chat.c: smtp_reply_filter at work.
        known("replacing reply", "", rf"{NAMADDR}: replacing server reply \".*\" with \".*\""),
        *STARTTLS,
        *PLAIN,
    ),
)

AGENT = Component(queued=table(*QUEUED), noqueue=table(), plain=table(*PLAIN))
"""local, virtual, pipe, error, retry, discard: nothing but deliveries."""
