"""Answers: what the tables know, for people and programs. Reads only."""
