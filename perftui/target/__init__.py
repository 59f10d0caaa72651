"""Which process: found by id, name or choice, and described."""
