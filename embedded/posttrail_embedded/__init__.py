"""Kafka and PostgreSQL for people who have neither, and the stages on one machine."""
