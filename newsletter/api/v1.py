"""The API: its endpoints, each in a module of endpoints/, and how it describes itself."""

from ninja import NinjaAPI

from newsletter.api.endpoints import checking, health, imports, pictures, post_writing, public, tags
from newsletter.api.endpoints.issues import scheduling, writing
from newsletter.api.endpoints.readers import acting, deliveries, events, exports, suppressions
from newsletter.api.handling import failures
from newsletter.api.handling.reading import StrictParser

VERSION = "1"
ROUTERS = (
    post_writing.posts,
    checking.checks,
    pictures.pictures,
    tags.tags,
    health.health,
    public.public,
    writing.issues,
    scheduling.issues,
    exports.readers,  # before the address with a number
    acting.readers,
    deliveries.readers,
    suppressions.suppressions,
    events.events,
    imports.imports,
)

api = NinjaAPI(title="Newsletter", version=VERSION, openapi_url=None, docs_url=None, parser=StrictParser())
failures.register(api)
for router in dict.fromkeys(ROUTERS):  # several modules can share one
    api.add_router("", router)
