"""A terminal monitor for one running Python service."""

__version__ = "0.1.0"
