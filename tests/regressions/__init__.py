"""Failures from the field, which must not occur on either host."""
