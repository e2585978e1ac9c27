"""The screens of one's own account and of helpers' accounts."""
