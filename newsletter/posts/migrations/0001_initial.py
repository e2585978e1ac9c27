import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# Kept by the database, so that no row is ever out of step. A later migration that changes
# SearchDocument makes SQLite copy the table, which drops its triggers: create them again there.
CREATE = {
    "sqlite": [
        """
        CREATE VIRTUAL TABLE posts_searchindex USING fts5(
            tokens, content='posts_searchdocument', content_rowid='id', detail=none, columnsize=0,
            tokenize="unicode61 remove_diacritics 0 tokenchars '#+./&_-'"
        )
        """,
        """
        CREATE TRIGGER posts_searchindex_insert AFTER INSERT ON posts_searchdocument BEGIN
            INSERT INTO posts_searchindex (rowid, tokens) VALUES (new.id, new.tokens);
        END
        """,
        """
        CREATE TRIGGER posts_searchindex_delete AFTER DELETE ON posts_searchdocument BEGIN
            INSERT INTO posts_searchindex (posts_searchindex, rowid, tokens) VALUES ('delete', old.id, old.tokens);
        END
        """,
        """
        CREATE TRIGGER posts_searchindex_update AFTER UPDATE OF tokens ON posts_searchdocument BEGIN
            INSERT INTO posts_searchindex (posts_searchindex, rowid, tokens) VALUES ('delete', old.id, old.tokens);
            INSERT INTO posts_searchindex (rowid, tokens) VALUES (new.id, new.tokens);
        END
        """,
    ],
    "postgresql": [
        """
        ALTER TABLE posts_searchdocument ADD COLUMN vector tsvector
        GENERATED ALWAYS AS (array_to_tsvector(string_to_array(NULLIF(tokens, ''), ' '))) STORED
        """,
        "CREATE INDEX posts_searchdocument_vector ON posts_searchdocument USING gin (vector) WITH (fastupdate = off)",
        # A word that half of the documents contain makes the planner read all of them instead of the
        # index, as it does not count what unpacking their vectors costs: fifty times as long.
        """
        CREATE FUNCTION posts_searchindex(wanted tsquery) RETURNS SETOF bigint
        LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 SET enable_seqscan = off
        AS $$ SELECT id FROM posts_searchdocument WHERE vector @@ wanted $$
        """,
    ],
}


def index(apps, schema_editor):
    """Make the index of the words of the documents."""
    for statement in CREATE[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    replaces = [('posts', name) for name in '''
        0002_search 0003_rendering 0004_picture_sizes 0005_preview 0006_dates_of_posts 0007_created_by
        0009_source_digest 0010_versions 0011_pictures_of_posts 0012_note_pictures 0013_web_only 0014_patterns
        0015_unlisted 0016_search_weights 0017_thumbs 0018_old_addresses 0019_light_thumbs 0020_by_the_api
    '''.split()]

    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name='Image',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(editable=False, max_length=16, unique=True)),
                ('name', models.CharField(max_length=80, verbose_name='file name')),
                ('alt', models.CharField(help_text='What the picture shows, for those who do not see it.', max_length=200, verbose_name='alternative text')),
                ('width', models.PositiveIntegerField(editable=False)),
                ('height', models.PositiveIntegerField(editable=False)),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='uploaded')),
                ('finished_at', models.DateTimeField(editable=False, null=True)),
                ('sizes', models.JSONField(default=dict, editable=False)),
            ],
            options={'verbose_name': 'picture', 'verbose_name_plural': 'pictures', 'ordering': ['-created_at']},
        ),
        migrations.CreateModel(
            name='Pattern',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(help_text='A new post begins with this title, too.', max_length=120, unique=True, verbose_name='title')),
                ('body', models.TextField(help_text='Markdown.', verbose_name='text')),
                ('summary', models.CharField(blank=True, max_length=200, verbose_name='summary')),
                ('tag_names', models.CharField(blank=True, help_text='Separated by commas.', max_length=500, verbose_name='tags')),
            ],
            options={
                'verbose_name': 'pattern',
                'verbose_name_plural': 'patterns',
                'ordering': ['title'],
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Rendering',
            fields=[
                ('key', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('renderer', models.CharField(max_length=20)),
                ('html', models.TextField()),
                ('excerpt', models.TextField(blank=True)),
                ('han_count', models.PositiveIntegerField()),
                ('word_count', models.PositiveIntegerField()),
                ('made_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={'verbose_name': 'rendering', 'verbose_name_plural': 'renderings'},
        ),
        migrations.CreateModel(
            name='Tag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40, unique=True, verbose_name='name')),
                ('slug', models.SlugField(help_text='Latin letters, digits and hyphens.', max_length=60, unique=True, verbose_name='address')),
            ],
            options={'verbose_name': 'tag', 'verbose_name_plural': 'tags', 'ordering': ['name']},
        ),
        migrations.CreateModel(
            name='Post',
            fields=[
                ('pictures', models.ManyToManyField(editable=False, related_name='posts', to='posts.image')),
                ('tags', models.ManyToManyField(blank=True, related_name='posts', to='posts.tag', verbose_name='tags')),
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=120, verbose_name='title')),
                ('words', models.SlugField(blank=True, help_text='A few Latin words: /p/128-words/. May be empty.', max_length=60, verbose_name='words in the address')),
                ('body', models.TextField(help_text='Markdown.', verbose_name='text')),
                ('summary', models.CharField(blank=True, help_text='Shown in lists and search results. Empty: the first sentences.', max_length=200, verbose_name='summary')),
                ('source', models.CharField(blank=True, editable=False, max_length=200)),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='changed')),
                ('cover', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='posts.image', verbose_name='cover picture')),
                ('preview_until', models.DateTimeField(editable=False, null=True)),
                ('created_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('source_digest', models.CharField(blank=True, editable=False, max_length=32)),
                ('document', models.CharField(blank=True, editable=False, max_length=32)),
                ('is_web_only', models.BooleanField(default=False, help_text='It waits for no issue, and none is proposed for it.', verbose_name='only on the web')),
                ('is_unlisted', models.BooleanField(default=False, help_text='Anyone with its address can read it. No list, feed or search shows it, and no issue carries it.', verbose_name='unlisted')),
                ('published_at', models.DateTimeField(blank=True, help_text='Empty: draft. In the future: scheduled.', null=True, verbose_name='published')),
            ],
            options={
                'verbose_name': 'post',
                'verbose_name_plural': 'posts',
                'ordering': ['-published_at', '-pk'],
                'permissions': [('publish_post', 'Can publish posts, and change those of others')],
                'indexes': [models.Index(fields=['id', 'published_at', 'updated_at', 'is_unlisted'], name='dates_of_posts'), models.Index(fields=['published_at', 'id', 'is_unlisted'], name='posts_by_date'), models.Index(fields=['updated_at', 'published_at'], name='changes_of_posts')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('source', ''), _negated=True), fields=('source',), name='a_source_is_imported_once'), models.UniqueConstraint(condition=models.Q(('document', ''), _negated=True), fields=('document',), name='a_page_makes_one_post')],
            },
        ),
        migrations.CreateModel(
            name='SearchDocument',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=20)),
                ('key', models.PositiveBigIntegerField()),
                ('published_at', models.DateTimeField(null=True)),
                ('url', models.CharField(max_length=300)),
                ('title', models.TextField()),
                ('tags', models.TextField(blank=True)),
                ('summary', models.TextField(blank=True)),
                ('folded_title', models.TextField()),
                ('folded_tags', models.TextField(blank=True)),
                ('folded_summary', models.TextField(blank=True)),
                ('body', models.TextField(blank=True)),
                ('folded', models.TextField()),
                ('tokens', models.TextField(blank=True)),
                ('post', models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='search_document', to='posts.post')),
            ],
            options={
                'verbose_name': 'search entry',
                'verbose_name_plural': 'search entries',
                'constraints': [models.UniqueConstraint(fields=('kind', 'key'), name='a_document_is_found_once')],
            },
        ),
        migrations.CreateModel(
            name='Redirect',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('path', models.CharField(help_text='Its path, such as /2019/05/my-post or /?p=128. A star at the end stands for all that follows: /blog/*.', max_length=300, unique=True, verbose_name='old address')),
                ('target', models.CharField(blank=True, help_text='A path of this site, or a whole web address.', max_length=500, verbose_name='or another page')),
                ('asked', models.PositiveIntegerField(db_default=0, default=0, editable=False, verbose_name='asked for')),
                ('asked_on', models.DateField(editable=False, null=True, verbose_name='last asked for')),
                ('post', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='redirects', to='posts.post', verbose_name='post')),
            ],
            options={
                'verbose_name': 'old address',
                'verbose_name_plural': 'old addresses',
                'ordering': ['path'],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('post__isnull', False), ('target', '')), models.Q(('post__isnull', True), models.Q(('target', ''), _negated=True)), _connector='OR'), name='an_old_address_has_one_end')],
            },
        ),
        migrations.CreateModel(
            name='Revision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('saved_at', models.DateTimeField(verbose_name='saved')),
                ('by', models.CharField(blank=True, max_length=150)),
                ('via', models.CharField(blank=True, choices=[('desk', 'on the desk'), ('letter', 'by a link in a letter'), ('command', 'from the command line'), ('api', 'by the API'), ('engine', 'by itself')], max_length=10)),
                ('added', models.PositiveIntegerField(default=0)),
                ('removed', models.PositiveIntegerField(default=0)),
                ('characters', models.PositiveIntegerField()),
                ('digest', models.CharField(max_length=32)),
                ('published_at', models.DateTimeField(null=True)),
                ('mailed_at', models.DateTimeField(null=True)),
                ('thin_at', models.DateTimeField(null=True)),
                ('title', models.CharField(blank=True, max_length=120)),
                ('summary', models.CharField(blank=True, max_length=200)),
                ('body', models.TextField(blank=True)),
                ('post', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='revisions', to='posts.post')),
            ],
            options={
                'verbose_name': 'version',
                'verbose_name_plural': 'versions',
                'ordering': ['-saved_at', '-pk'],
                'default_permissions': (),
                'indexes': [models.Index(fields=['post', 'saved_at'], name='revisions_of_a_post'), models.Index(condition=models.Q(('thin_at__isnull', False)), fields=['thin_at'], name='revisions_to_thin')],
            },
        ),
        migrations.CreateModel(
            name='WorkingCopy',
            fields=[
                ('post', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='working_copy', serialize=False, to='posts.post')),
                ('title', models.CharField(blank=True, max_length=120)),
                ('words', models.CharField(blank=True, max_length=60)),
                ('summary', models.CharField(blank=True, max_length=200)),
                ('tag_names', models.TextField(blank=True)),
                ('updated_at', models.DateTimeField()),
                ('body', models.TextField(blank=True)),
                ('cover', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='posts.image')),
            ],
            options={
                'verbose_name': 'working copy',
                'verbose_name_plural': 'working copies',
                'default_permissions': (),
            },
        ),
        migrations.RunPython(index),
    ]
