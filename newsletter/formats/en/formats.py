"""A day has 24 hours in English, too: no full stop of "p.m." before that of the sentence."""

TIME_FORMAT = "H:i"
DATETIME_FORMAT = "N j, Y, H:i"
SHORT_DATETIME_FORMAT = "m/d/Y H:i"
