"""A real Postfix for tests: private, on loopback, with the truth about every mail it was given."""
