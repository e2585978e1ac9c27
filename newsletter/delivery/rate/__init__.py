"""How fast messages may leave: limits over all workers, and the warm-up of a new sender."""
