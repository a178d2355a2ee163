"""Pure: every sentence, in every language."""
