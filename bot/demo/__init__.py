"""A Chanjing and a Slack of our own on loopback: the bot's whole job with no account, for `demo` and for the tests."""
