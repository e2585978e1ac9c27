"""Taiwan writes 3,124; Django's own formats of zh-hant put nothing between the thousands."""

THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
