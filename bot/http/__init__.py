"""HTTP as both APIs need it: one deadline, one limit of size, an error that says what to do."""
