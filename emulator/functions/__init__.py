"""Functions behind routes: our rules, run in this process, and Lambda handlers."""
