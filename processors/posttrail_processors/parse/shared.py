"""Formats that any daemon can write: severities, TLS, table changes, tracing with -v.

util/msg_output.c, tls/tls_misc.c, util/dict.c, global/deliver_pass.c and the -v traces of every
source file. Recognised by shape: a message of none of these shapes is not understood.
"""

from posttrail_processors.parse.delivery import read_delivery
from posttrail_processors.parse.formats import Format, known

SEVERITIES = tuple(
    known(severity, f"{severity}: ") for severity in ("warning", "error", "fatal", "panic")
)

_PEER = r"[^\s\[\]]*+\[[^\]]*+\](?::\w++)?"
STARTTLS = (  # tls/tls_misc.c tls_log_summary, tls/tls_server.c, tls/tls_client.c
    *(
        known("TLS", f"{trust} TLS connection ", r"(?:established|reused) (?:from|to) .*")
        for trust in ("Anonymous", "Untrusted", "Trusted", "Verified")
    ),
    known("TLS", "TLS connection established ", "(?:from|to) .*"),
    known("TLS", "setting up TLS connection ", rf"(?:from|to) {_PEER}.*"),
    known("TLS error", "SSL_accept error from ", rf"{_PEER}: .*"),
    known("TLS error", "SSL_connect error to ", rf"{_PEER}: .*"),
    known("TLS error", "certificate verification failed for ", ".*"),
    known("TLS error", "CA certificate verification failed for ", ".*"),
    known("TLS error", "verify error:num=", r"\d+:.*"),
    known("TLS", "TLS SNI ", rf".* from {_PEER} .*"),
    known("TLS", "Host offered STARTTLS: ", r"\[.*\]"),
    known("TLS", "SSL_", "(?:accept|connect):.*"),
    known("TLS", "SSL3 alert ", "(?:read|write):.*"),
    known("TLS", "initializing the ", "(?:server|client)-side TLS engine"),
    *(
        known("TLS", "", rf"{_PEER}: {text}.*")
        for text in (
            "(?:Trusted|Untrusted|Verified|Anonymous): ", "subject_CN=", "fingerprint=",
            "certificate verification ", "Matched ", "re-using session", "save session",
            "Reusing old session", "depth=", "not designated", "Issuing session ticket",
            "SNI hostname", "DANE", "peer certificate", "server public key", "Peer cert",
        )
    ),
)  # fmt: skip

CHANGES = (  # util/dict.c dict_changed_name, global/mail_params.c
    known("table changed", "table ", r"\S+ has changed -- restarting"),
    known("idle", "idle timeout -- exiting", ""),
    known("compatibility", "using backwards-compatible default setting "),
    known("compatibility", "Postfix is running with backwards-compatible default settings", ".*"),
    known("compatibility", "See http", r"s?://www\.postfix\.org/COMPATIBILITY_README\.html.*"),
    known("compatibility", "To disable backwards compatibility use "),
    known("clock", "backward time jump ", "(?:detected|recovered).*"),
    known("cache cleanup", "cache ", r"\S+ (?:full|partial) cleanup: .*"),
)

TRACES = (  # what -v adds: dialogue, attributes between daemons, C functions by name
    known("trace", "< ", ".*"),
    known("trace", "> ", ".*"),
    known("trace", ">>> ", ".* <<<"),
    known("trace", "<<< ", ".* >>>"),
    known("trace", "input attribute ", "(?:name|value): .*"),
    known("trace", "send attr ", r"\S+ = .*"),
    known("trace", "connection ", "(?:established|closed).*"),
    known("trace", "trying... ", r"\[.*"),
    known("trace", "report ", r"\w+ to all milters"),
    known("trace", "event: ", "SMFIC_.*"),
    known("trace", "reply: ", "SMFIR_.*"),
    known("trace", "skipping event ", "SMFIC_.*"),
    known("trace", "connect to subsystem ", r"\S+"),
    known("trace", "mapping DSN status ", r"\S+ into .* status \S+"),
    known("trace", "lookup ", r"\S+ type \S+ flags .*"),
    known("trace", "begin ", r"\S+ address list"),
    known("trace", "end ", r"\S+ address list"),
    known("trace", "pref ", r"\d+ host \S+"),
    known("trace", "", r"\S+ socket: wanted attribute: .*"),
    known("trace", "", r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?:\[\d+\])?: .*"),
    known("trace", "", r"(?:inet|unix|fd|private|public|smtpd|cleanup|proxymap|rewrite)[/\w]*: .*"),
)

PLAIN = (*SEVERITIES, *CHANGES, *TRACES)
"""What any daemon may say without a queue id; listed last."""

QUEUED = (
    Format("to=<", read_delivery),
    known("passing", "passing <", r".*> to transport=\S+"),
    known("bounce failed", "status=deferred (bounce failed)", ""),
)
"""What any delivery agent may say with a queue id; listed last."""
