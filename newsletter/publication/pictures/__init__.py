"""Uploads, icons, cards and logos as pictures that may be shown for ever; `storages` knows where they lie."""
