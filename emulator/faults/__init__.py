"""Faults that AWS has, made on purpose."""
