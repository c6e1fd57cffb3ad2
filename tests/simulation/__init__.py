"""Two OMMs in one thread: the real domain under a virtual clock, network and disk."""
