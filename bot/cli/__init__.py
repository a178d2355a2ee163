"""The commands: what a person types, what is printed, and the exit codes."""
