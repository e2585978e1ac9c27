"""The HTTP API, /api/v1/, and webhooks (hooks/).

There are no rules here: an endpoint finds rows, calls the same functions as the desk's views, and returns JSON. A
request passes `views.py` (language, routing), `auth.py` (token, scope, permissions) and `endpoint.py` (conditions,
idempotency, response). django-ninja and pydantic take 13 MB: they are imported by the first request of a process.

Begin with `endpoint.py`, then `endpoints/posts.py`; for webhooks with `hooks/triggers.py`.
"""
