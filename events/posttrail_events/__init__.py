"""Tells other programs of mails: present states on `maillog.events`, and webhooks from there."""
