"""The state, in a file or in PostgreSQL: saved as a whole or not at all, by one copy of the bot at a time."""
