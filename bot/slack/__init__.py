"""Slack: its API, its messages and its markup, which nothing outside this folder knows."""
