"""The client in the field, a handler in the field, and what becomes of them in bad weather."""
