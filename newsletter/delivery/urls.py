from django.urls import path

from newsletter import converters  # noqa: F401 - registers <number:…>
from newsletter.delivery.author import views as author
from newsletter.delivery.events import webhooks
from newsletter.delivery.links import counting
from newsletter.delivery.readers import own_letters, views

app_name = "delivery"
urlpatterns = [
    path("approve/<str:token>/", author.answer_reminder, name="approve"),
    path("cancel/<str:token>/", author.cancel, name="cancel"),
    path("calendar/<str:token>.ics", author.calendar, name="calendar"),
    path("mine/<str:token>/again/<int:number>/", own_letters.request_again, name="again"),
    path("issues/<number:number>/changes/", views.changes, name="changes"),
    path("gift/<str:token>/", views.gift, name="gift"),
    path("feedback/<str:token>/", views.feedback, name="feedback"),
    path("r/<str:token>/", counting.follow, name="follow"),
    path("quote/<str:token>/", views.quote, name="quote"),
    path("webhooks/<str:provider>/tracking/", webhooks.tracking, name="webhook"),
    path("feedback/<str:token>/<str:number>/<str:answer>/", views.feedback, name="answer"),
]
