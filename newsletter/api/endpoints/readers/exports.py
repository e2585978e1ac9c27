"""All readers as a stream: in flat memory, however many there are and however slowly somebody loads."""

from typing import Literal

from django.http import StreamingHttpResponse
from django.utils import timezone
from ninja import Query, Schema

from newsletter.api.endpoint import Answer
from newsletter.api.endpoints.readers.reading import readers
from newsletter.api.entrance import ApiRequest
from subscribers.exporting import csv_lines, download, json_lines
from subscribers.models import Subscriber

__all__ = ["readers"]

NDJSON = "application/x-ndjson"
EXPORT = ("subscribers.see_readers", "subscribers.export_readers")


class As(Schema):
    """format: ndjson, one reader a line, or csv, which the import reads again."""

    format: Literal["ndjson", "csv"] = "ndjson"


@readers.reads("/readers/export", scope="readers:export", needs=EXPORT, returns=None)
def export_readers(request: ApiRequest, wanted: Query[As]) -> Answer | StreamingHttpResponse:
    """Take the list of readers away, the first who came first. A suppressed address has the reason as its state."""
    everybody = Subscriber.objects.all()
    if wanted.format == "csv":
        return download(csv_lines(everybody), f"readers-{timezone.localdate()}.csv")
    response = StreamingHttpResponse(json_lines(everybody), content_type=NDJSON)
    response.headers["Cache-Control"] = "no-store"
    return response
