"""What receivers report of a copy after it was handed over, and what follows for its reader."""
