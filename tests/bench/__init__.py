"""Measurements; what is right is for the tests beside this folder."""
