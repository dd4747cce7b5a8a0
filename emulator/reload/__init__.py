"""Hot reload of rules and handlers."""
