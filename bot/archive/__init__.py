"""The archive: videos and covers copied to where their links do not expire."""
