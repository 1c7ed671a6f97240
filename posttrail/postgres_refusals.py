"""Why PostgreSQL does not let us in: libpq's words as one line with the cure. Knows no client."""

NO_CONNECTION_STRING = (
    "postgres.dsn is no connection string of libpq: key=value pairs, a value with spaces in "
    "quotes, or a postgresql:// URI"
)

_CURES = {
    "no pg_hba.conf entry": "see pg_hba.conf on the server, and sslmode in postgres.dsn",
    "password authentication failed": "see the user in postgres.dsn, and postgres.password_file",
    "no password supplied": "set postgres.password_file, or passfile in postgres.dsn",
    "certificate verify failed": "is the server's certificate expired, or of another authority "
    "than sslrootcert in postgres.dsn holds?",
    "does not match host name": "set host in postgres.dsn to a name of the server's certificate",
    "root certificate file": "set sslrootcert in postgres.dsn",
    "certificate file": "see sslcert in postgres.dsn",
    "private key file": "see sslkey in postgres.dsn",
    "connection requires a valid client certificate": "set sslcert and sslkey in postgres.dsn",
    "certificate required": "set sslcert and sslkey in postgres.dsn",
    "alert": "the server does not take our certificate: see sslcert in postgres.dsn",
    "does not support SSL": "the server has no TLS: turn ssl on there, or see sslmode here",
    "does not exist": "see dbname and user in postgres.dsn",
}
"""What to do, by a part of libpq's words; the first that fits."""


def in_words(said: str) -> str:
    """One line out of libpq's text, which may have one for each address it tried."""
    lines = [line.strip() for line in said.strip().splitlines()]
    cures = (cure for part, cure in _CURES.items() if any(part in line for line in lines))
    first = lines[0] if lines else "no reason given"
    return f"cannot connect to PostgreSQL: {first}; {next(cures, _DEFAULT)}"


_DEFAULT = "does it run, and is postgres.dsn right?"
