"""Chanjing's API: one request, its answer as tasks or an error, and the tokens for it."""
