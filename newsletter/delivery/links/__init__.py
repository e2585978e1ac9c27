"""Links of an issue, counted for its author: how many people about followed each, and never who."""
