"""Functions behind a route: our rules in process, and Lambda functions."""
