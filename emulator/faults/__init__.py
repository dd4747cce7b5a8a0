"""Fault injection: failures of AWS on purpose."""
