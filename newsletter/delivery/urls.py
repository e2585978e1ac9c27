from django.urls import path

from newsletter import converters  # noqa: F401 - registers <number:…>
from newsletter.delivery.author import cancelling
from newsletter.delivery.author import views as approvals
from newsletter.delivery.events import webhooks
from newsletter.delivery.links import following
from newsletter.delivery.readers import own_letters, quote_pages, views

app_name = "delivery"
urlpatterns = [
    path("approve/<str:token>/", approvals.approve, name="approve"),
    path("cancel/<str:token>/", cancelling.cancel, name="cancel"),
    path("calendar/<str:token>.ics", approvals.calendar, name="calendar"),
    path("mine/<str:token>/again/<int:number>/", own_letters.again, name="again"),
    path("issues/<number:number>/changes/", views.changes, name="changes"),
    path("feedback/<str:token>/", views.feedback, name="feedback"),
    path("r/<str:token>/", following.follow, name="follow"),
    path("quote/<str:token>/", quote_pages.quote, name="quote"),
    path("webhooks/<str:provider>/tracking/", webhooks.tracking, name="webhook"),
    path("feedback/<str:token>/<str:number>/<str:answer>/", views.feedback, name="answer"),
]
