"""Health of the installation: /readyz, and the findings of the last hourly check."""

from datetime import datetime

from ninja import Schema

from newsletter.api.auth import ApiRequest
from newsletter.api.endpoint import ApiResponse, EndpointRouter, to_dict
from newsletter.operation import readiness
from newsletter.operation.models import Trouble

health = EndpointRouter(tags=["health"])


class TroubleOut(Schema):
    id: str
    level: str
    message: str
    hint: str
    since: datetime


class HealthOut(Schema):
    ready: bool
    parts: dict[str, str]
    troubles: list[TroubleOut]


@health.reads("/health", scope="health:read", permissions=("publication.view_publication",), returns=HealthOut)
def read_health(request: ApiRequest) -> ApiResponse:
    """Whether it is ready, part by part, and what is wrong with it."""
    parts = readiness.by_part()
    found = Trouble.objects.exclude(level="")
    troubles = [to_dict(TroubleOut, one, id=one.finding) for one in found]
    ready = all(answer == "ok" for answer in parts.values())
    return ApiResponse({"ready": ready, "parts": parts, "troubles": troubles})
