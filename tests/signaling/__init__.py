"""The rules of signaling as transcripts, on every host."""
