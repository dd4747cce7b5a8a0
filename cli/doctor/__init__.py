"""``poker-signal doctor``: ordered checks of machine, network, server and deployment."""
