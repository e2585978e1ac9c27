import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name='Token',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='What it is for: Obsidian, or a form.', max_length=60, verbose_name='name')),
                ('prefix', models.CharField(editable=False, max_length=11)),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('scopes', models.JSONField(default=list, verbose_name='may')),
                ('networks', models.TextField(blank=True, help_text='One a line, as 192.0.2.0/24. Empty: from everywhere.', verbose_name='only from these networks')),
                ('ends_at', models.DateTimeField(blank=True, null=True, verbose_name='ends')),
                ('made_at', models.DateTimeField(auto_now_add=True, verbose_name='made')),
                ('used_at', models.DateTimeField(editable=False, null=True, verbose_name='last used')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='api_tokens', to=settings.AUTH_USER_MODEL, verbose_name='account')),
            ],
            options={'verbose_name': 'token', 'verbose_name_plural': 'tokens', 'ordering': ['-made_at', '-pk']},
        ),
        migrations.CreateModel(
            name='KeptAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=200)),
                ('path', models.CharField(max_length=200)),
                ('body_digest', models.CharField(max_length=64)),
                ('claimed_at', models.DateTimeField()),
                ('status', models.PositiveSmallIntegerField(null=True)),
                ('headers', models.JSONField(default=dict)),
                ('content', models.TextField(blank=True)),
                ('token', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='api.token')),
            ],
            options={
                'verbose_name': 'kept answer',
                'verbose_name_plural': 'kept answers',
                'default_permissions': (),
                'indexes': [models.Index(fields=['claimed_at'], name='answers_by_age')],
                'constraints': [models.UniqueConstraint(fields=('token', 'key', 'path'), name='a_key_is_answered_once')],
            },
        ),
    ]
