"""What was read becomes facts: typed, in range, as long as PostgreSQL takes it. Pure."""
