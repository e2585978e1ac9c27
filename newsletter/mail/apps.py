from django.apps import AppConfig


class MailConfig(AppConfig):
    name = "newsletter.mail"
    label = "mail"
