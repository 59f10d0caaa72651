"""Which process: found by id, name, port or choice, or started; and described."""
