"""Processors: `maillog.raw` -> parse, extract -> `maillog.deliveries`."""
