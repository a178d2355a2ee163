"""The configuration: every key, where its value stands, and what is wrong with it."""
