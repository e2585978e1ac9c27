"""Foreign file formats, one module each; `drafts` is what they all hand over."""
