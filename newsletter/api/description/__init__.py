"""How the API explains itself: to programs as OpenAPI (`schema.py`), to people as a page (`explaining.py`)."""
