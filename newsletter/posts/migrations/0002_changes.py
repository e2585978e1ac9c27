import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    replaces = [('posts', name) for name in '''
        0002_weight 0003_refused_versions 0004_planned_time 0005_trash 0006_series 0007_pages
    '''.split()]

    dependencies = [('posts', '0001_initial')]

    operations = [
        migrations.RunSQL('DROP TABLE IF EXISTS posts_missingaddress'),
        migrations.AddField('revision', 'refused_page', models.CharField(blank=True, default='', max_length=32)),
        migrations.AddField('post', 'planned_at', models.DateTimeField(editable=False, null=True)),
        migrations.AddField('post', 'trashed_at', models.DateTimeField(editable=False, null=True)),
        migrations.RemoveIndex('post', 'dates_of_posts'),
        migrations.RemoveIndex('post', 'posts_by_date'),
        migrations.RemoveIndex('post', 'changes_of_posts'),
        migrations.AddIndex('post', models.Index(fields=['id', 'published_at', 'updated_at', 'is_unlisted', 'trashed_at'], name='dates_of_posts')),
        migrations.AddIndex('post', models.Index(fields=['published_at', 'id', 'is_unlisted', 'trashed_at'], name='posts_by_date')),
        migrations.AddIndex('post', models.Index(fields=['updated_at', 'published_at', 'trashed_at'], name='changes_of_posts')),
        migrations.CreateModel(
            name='Series',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=80, unique=True, verbose_name='title')),
                ('slug', models.SlugField(help_text='Latin letters, digits and hyphens.', max_length=60, unique=True, verbose_name='address')),
                ('description', models.CharField(blank=True, help_text='What it is about: shown on its page.', max_length=200, verbose_name='description')),
            ],
            options={'verbose_name': 'series', 'verbose_name_plural': 'series', 'ordering': ['title']},
        ),
        migrations.AddField('post', 'series_number', models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='number in the series')),
        migrations.AddField('post', 'series', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='posts', to='posts.series', verbose_name='series')),
        migrations.AddConstraint('post', models.UniqueConstraint(fields=('series', 'series_number'), name='a_number_of_a_series_is_one_post')),
        migrations.AddField('post', 'is_page', models.BooleanField(db_default=False, default=False, help_text='Stands for itself, without a date, such as your books. Unlisted, but search engines find it.', verbose_name='page')),
        migrations.AddConstraint('post', models.UniqueConstraint(condition=models.Q(('is_page', True), models.Q(('words', ''), _negated=True)), fields=('words',), name='pages_have_different_addresses')),
        migrations.AddConstraint('post', models.CheckConstraint(condition=models.Q(('is_page', False), ('is_unlisted', True), _connector='OR'), name='no_list_shows_a_page')),
    ]
