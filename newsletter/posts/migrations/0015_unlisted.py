"""Posts that are read by their address alone."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('posts', '0014_patterns'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='post',
            name='dates_of_posts',
        ),
        migrations.AddField(
            model_name='post',
            name='is_unlisted',
            field=models.BooleanField(default=False, help_text='Whoever has its address reads it. No list, feed or search shows it, and no issue carries it.', verbose_name='unlisted'),
        ),
        migrations.AlterField(
            model_name='post',
            name='published_at',
            field=models.DateTimeField(blank=True, help_text='Empty: draft. In the future: scheduled.', null=True, verbose_name='published'),
        ),
        migrations.AddIndex(
            model_name='post',
            index=models.Index(fields=['id', 'published_at', 'updated_at', 'is_unlisted'], name='dates_of_posts'),
        ),
        migrations.AddIndex(
            model_name='post',
            index=models.Index(fields=['published_at', 'id', 'is_unlisted'], name='posts_by_date'),
        ),
    ]
