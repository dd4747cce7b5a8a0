"""The browser client (poker-signal.js), as data that the emulator serves."""
