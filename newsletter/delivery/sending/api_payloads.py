"""Anymail's payloads of a batch call. Imported where a provider is used: Anymail imports an HTTP client."""

from typing import Any

from anymail.backends.postmark import PostmarkPayload
from anymail.backends.resend import ResendPayload


class WholeBodyPayload:
    """A payload with a complete body per reader, for providers without merge fields in ad-hoc bodies.

    message.bodies: for each reader, the provider's body fields.
    """

    message: Any

    def serialize_json(self, data: Any) -> str:
        if isinstance(data, list):
            data = [one | bodies for one, bodies in zip(data, self.message.bodies, strict=True)]
        json: str = super().serialize_json(data)  # type: ignore[misc]  # of Anymail's payload, the other base class
        return json


class PostmarkBatch(WholeBodyPayload, PostmarkPayload):  # type: ignore[misc]  # Anymail has no types
    pass


class ResendBatch(WholeBodyPayload, ResendPayload):  # type: ignore[misc]  # as above
    def __init__(self, message: Any, defaults: Any, backend: Any) -> None:
        super().__init__(message, defaults, backend, headers={"Idempotency-Key": message.idempotency_key})


def usual_payload(message: Any, defaults: Any, backend: Any) -> Any:
    """Anymail's payload of a message with merge_data and merge_headers."""
    return backend.build_message_payload(message, defaults)
