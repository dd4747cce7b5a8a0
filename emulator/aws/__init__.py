"""AWS's shapes as pure values: no socket, no state."""
