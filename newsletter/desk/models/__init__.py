"""What the desk itself remembers."""

from newsletter.desk.models.errands import FILES_KEPT, Errand, ErrandQuerySet, FailureCount, SavedFilter
from newsletter.desk.models.post_imports import EXPORTS_KEPT, PostImport, PostImportEntry, PostImportQuerySet

__all__ = [
    "EXPORTS_KEPT",
    "FILES_KEPT",
    "Errand",
    "ErrandQuerySet",
    "FailureCount",
    "PostImport",
    "PostImportEntry",
    "PostImportQuerySet",
    "SavedFilter",
]
