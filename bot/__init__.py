"""lipsync-bot: announces in a Slack channel, exactly once, when a Chanjing lip-sync video is ready or has failed."""

__version__ = "0.1.0"
