"""The rules of the desk by HTTP, for programs: /api/v1/, and what is sent to other programs (hooks/).

This room has no rule of its own: an endpoint finds rows, calls what the screens of the desk call, and says what became
of it. A request goes through `views.py` (language, address), `entrance.py` (whose token it is, and what it may) and
`endpoint.py` (conditions, idempotency, the answer). django-ninja and pydantic are 13 MB: they are imported
with the first request, in the process that answers it.

Begin with `endpoint.py`, then `endpoints/posts.py`; of webhooks with `hooks/recording.py`.
"""
