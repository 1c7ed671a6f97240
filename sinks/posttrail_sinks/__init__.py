"""Sinks: `maillog.deliveries` -> merge, upsert -> PostgreSQL."""
