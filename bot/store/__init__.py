"""The state on disk: written as a whole or not at all, by one copy of the bot at a time."""
