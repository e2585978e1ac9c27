"""How the API describes itself: to programs as OpenAPI (`schema.py`), and at which addresses (`pages.py`)."""
