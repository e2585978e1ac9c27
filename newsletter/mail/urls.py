from django.urls import path

from newsletter.mail import views

app_name = "mail"
urlpatterns = [
    path("outbox/", views.mail_list, name="outbox"),
    path("outbox/<slug:name>/", views.mail, name="outbox_mail"),
    path("outbox/<slug:name>/text/", views.mail_text, name="outbox_text"),
    path("outbox/<slug:name>/headers/", views.mail_headers, name="outbox_headers"),
    path("outbox/<slug:name>/html/", views.mail_frame, name="outbox_frame"),
    path("outbox/<slug:name>/mail.eml", views.mail_file, name="outbox_file"),
]
