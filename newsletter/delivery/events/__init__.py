"""What is reported of a copy after it was handed over, and what follows from it (docs/sending.md)."""
