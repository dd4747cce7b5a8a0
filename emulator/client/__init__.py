"""Players against any server, emulator or deployment."""
