"""Producers: journal and files -> `maillog.raw`, each line once."""
