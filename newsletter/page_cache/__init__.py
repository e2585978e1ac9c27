"""Whole pages in memory, each under the site's version: a page is never served once its content has changed.

`pages` has the decorator and the middleware, `site_version` the number, `triggers` what increases it.
"""
