from typing import ClassVar

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PostsConfig(AppConfig):
    name = "newsletter.posts"
    label = "posts"
    verbose_name = _("Posts")
    # Changes of these tables invalidate cached pages.
    tables_shown: ClassVar = ["posts_post", "posts_tag", "posts_post_tags", "posts_image", "posts_series"]
