"""Taiwan writes 3,124 and 2026/12/8: formats of zh-hant that Django leaves out, or writes long."""

THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
SHORT_DATE_FORMAT = "Y/n/j"
SHORT_DATETIME_FORMAT = "Y/n/j H:i"
