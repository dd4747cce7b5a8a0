"""Recordings: their format, the writer, redaction, and the import of logs."""
