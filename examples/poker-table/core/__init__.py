"""The app: a seat at a poker table."""
