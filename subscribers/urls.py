from django.urls import path

from subscribers.pages import preferences, views

app_name = "subscribers"
urlpatterns = [
    path("subscribe/", views.subscribe, name="subscribe"),
    path("invite/<str:token>/", views.invited_signup, name="invite"),
    path("embed/", views.embedded_form, name="embed"),
    path("qr.svg", views.qr_code, name="qr-code"),
    path("qr/", views.qr_sheet, name="qr-sheet"),
    path("confirm/<str:token>/", views.confirm, name="confirm"),
    path("unsubscribe/<str:token>/", views.unsubscribe, name="unsubscribe"),
    path("unsubscribe/<str:token>/why/", views.leaving_reason, name="why"),
    path("unsubscribe/<str:token>/back/", views.come_back, name="come-back"),
    path("undo/<str:token>/", views.undo, name="undo"),
    path("privacy/", preferences.privacy_page, name="privacy"),
    path("preferences/", views.request_link, name="door"),
    path("preferences/<str:token>/", preferences.preferences, name="preferences"),
    path("preferences/<str:token>/pause/", preferences.pause, name="pause"),
    path("preferences/<str:token>/resume/", preferences.resume, name="resume"),
    path("preferences/<str:token>/link/", preferences.send_link, name="send-link"),
    path("mine/<str:token>/", preferences.own_data_page, name="mine"),
    path("mine/<str:token>/data.json", preferences.download_json, name="data-json"),
    path("mine/<str:token>/data.csv", preferences.download_csv, name="data-csv"),
    path("mine/<str:token>/erase/", preferences.erase, name="erase"),
    path("mine/<str:token>/heard/", preferences.how_heard, name="heard"),
    path("mine/<str:token>/address/", preferences.change_address, name="change-address"),
    path("address/<str:token>/", preferences.move, name="move"),
    path("address/<str:token>/undo/", preferences.undo_move, name="undo-move"),
]
