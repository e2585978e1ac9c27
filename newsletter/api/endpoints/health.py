"""Whether the installation is well: what /readyz says, and what the last look of the doctor has found."""

from datetime import datetime

from ninja import Schema

from newsletter.api.endpoint import Answer, Endpoints, told_time
from newsletter.api.entrance import ApiRequest
from newsletter.operation import serving
from newsletter.operation.models import Trouble

health = Endpoints(tags=["health"])


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


@health.reads("/health", scope="health:read", needs=("publication.view_publication",), returns=HealthOut)
def read_health(request: ApiRequest) -> Answer:
    """Whether it is ready, part by part, and what is wrong with it."""
    parts = serving.readiness()
    found = Trouble.objects.exclude(level="")
    troubles = [
        {
            "id": one.finding,
            "level": one.level,
            "message": one.message,
            "hint": one.hint,
            "since": told_time(one.since),
        }
        for one in found
    ]
    ready = all(answer == "ok" for answer in parts.values())
    return Answer({"ready": ready, "parts": parts, "troubles": troubles})
