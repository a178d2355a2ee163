"""What lies in deploy/ and compose.yaml, held to what the program does."""
