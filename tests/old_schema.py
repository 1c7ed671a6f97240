"""Schemas as older versions left them, beside the newest one in the same database."""

from importlib.resources import as_file, files

from posttrail_sinks.migrate import _apply_one, _Backend
from yoyo import read_migrations

OLD = "old"


def old_schema(dsn: str, last: str) -> str:
    """Make the schema `old` with the migrations up to this one.

    Returns:
        A connection string of sessions that work in it.
    """
    with _Backend(dsn, OLD) as backend, as_file(files("posttrail_sinks") / "migrations") as path:
        backend.init_database()
        for migration in backend.to_apply(read_migrations(str(path))):
            if migration.id <= last:
                _apply_one(backend, migration)
    return f"{dsn} options='-c search_path={OLD},pg_temp'"
