"""Tools that draw what the documents show."""
