"""The trace: its entries, and their forms for people and for programs."""
