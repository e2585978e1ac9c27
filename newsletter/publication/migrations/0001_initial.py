import datetime
import django.core.validators
import newsletter.publication.disclosure
import newsletter.publication.models
from django.db import migrations, models


class Migration(migrations.Migration):
    replaces = [('publication', name) for name in '''
        0002_site_version 0003_format_check 0004_mail_look 0005_warm_up 0006_site_look 0007_unapproved 0008_bounces_to
        0009_number_in_the_subject 0011_second_factor_of_owners 0013_security_contact 0014_see_mail 0015_changes
        0016_calendar 0017_number_typed 0018_way_in 0019_welcome 0020_serif_headings 0021_feeds_and_crawlers
        0022_reminds_unconfirmed 0023_course 0024_asks_heard 0025_invites 0026_asks_name 0027_the_face 0028_counts_links
        0029_tells_results 0030_by_the_api
    '''.split()]

    operations = [
        migrations.CreateModel(
            name='Change',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('about', models.CharField(help_text='the kind of object, as app.model', max_length=60)),
                ('key', models.BigIntegerField(help_text='its primary key; no foreign key, for it may be gone')),
                ('title', models.CharField(help_text='what it was called', max_length=200)),
                ('at', models.DateTimeField()),
                ('by', models.CharField(blank=True, help_text="a user's name", max_length=150)),
                ('via', models.CharField(choices=[('desk', 'on the desk'), ('letter', 'by a link in a letter'), ('command', 'from the command line'), ('api', 'by the API'), ('engine', 'by itself')], max_length=10)),
                ('what', models.CharField(choices=[('added', 'added'), ('changed', 'changed'), ('published', 'published'), ('withdrawn', 'made a draft again'), ('deleted', 'deleted'), ('restored', 'taken out of the trash')], max_length=10)),
                ('detail', models.JSONField(default=dict, help_text='fields: names of those that changed; put_in, taken_out, arranged: titles of posts')),
            ],
            options={
                'ordering': ['pk'],
                'indexes': [models.Index(fields=['about', 'key', 'at'], name='changes_of_a_row')],
            },
        ),
        migrations.CreateModel(
            name='Publication',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(default='', max_length=80, verbose_name='name')),
                ('promise', models.CharField(blank=True, help_text='One sentence that tells a stranger what arrives, and how often.', max_length=160, verbose_name='promise')),
                ('about', models.TextField(blank=True, help_text='Markdown. Shown on the about page.', verbose_name='about')),
                ('author', models.CharField(default='', max_length=80, verbose_name='author')),
                ('language', models.CharField(choices=[('zh-hant', '繁體中文'), ('en', 'English')], default='zh-hant', max_length=10, verbose_name='language')),
                ('time_zone', models.CharField(default='Asia/Taipei', max_length=64, validators=[newsletter.publication.models.validate_time_zone], verbose_name='time zone')),
                ('sender_name', models.CharField(blank=True, help_text="If empty, the newsletter's name.", max_length=80, verbose_name='sender name')),
                ('sender_email', models.EmailField(default='newsletter@example.com', max_length=254, verbose_name='sender address')),
                ('reply_to', models.EmailField(blank=True, help_text='Empty: the sender address.', max_length=254, verbose_name='replies go to')),
                ('postal_address', models.CharField(blank=True, help_text='Printed at the foot of every issue, as the law of many countries asks (CAN-SPAM, GDPR).', max_length=200, verbose_name='postal address')),
                ('cadence_anchor_on', models.DateField(default=datetime.date(2025, 1, 7), help_text='None is before it, and days are counted from it.', verbose_name='first slot')),
                ('cadence_at', models.TimeField(default=datetime.time(8, 0), verbose_name='time of day')),
                ('cadence_days', models.PositiveSmallIntegerField(default=14, verbose_name='days between issues')),
                ('hold_minutes', models.PositiveSmallIntegerField(default=3, help_text='Between “send” and the first mail. Cancel before then and nobody gets it.', verbose_name='hold in minutes')),
                ('han_per_minute', models.PositiveSmallIntegerField(default=400, verbose_name='Chinese characters read in a minute')),
                ('words_per_minute', models.PositiveSmallIntegerField(default=238, verbose_name='Latin words read in a minute')),
                ('terms', models.TextField(blank=True, help_text='One a line: e-mail → email. What you do not write, and what you write instead.', verbose_name='terms')),
                ('accent', models.CharField(default='#9a3412', max_length=7, validators=[django.core.validators.RegexValidator('^#[0-9a-fA-F]{6}$', 'Enter a colour like #9a3412.')], verbose_name='accent colour')),
                ('logo', models.ImageField(blank=True, upload_to='', verbose_name='logo')),
                ('signature', models.TextField(blank=True, help_text='Markdown. Closes every issue.', verbose_name='signature')),
                ('salt', models.CharField(default=newsletter.publication.models._salt, editable=False, max_length=32)),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='changed')),
                ('checks_off', models.JSONField(blank=True, default=list, help_text='Ticked: not looked for, in no post.', verbose_name='what the format check keeps quiet about')),
                ('footer', models.CharField(blank=True, help_text="A sentence of your own at the foot of every mail, such as a company's name and number.", max_length=300, verbose_name='footer')),
                ('heading_font', models.CharField(choices=[('sans', 'without serifs'), ('serif', 'with serifs')], default='serif', help_text='In the mails.', max_length=10, verbose_name='headings')),
                ('look', models.CharField(choices=[('letter', 'plain letter'), ('magazine', 'magazine'), ('digest', 'digest')], default='letter', max_length=10, verbose_name='look of the mails')),
                ('warm_up_from', models.DateField(blank=True, help_text='The first day on which a new sender address sends. It begins with 200 mails a day and grows by a half every day, so that mailbox providers get to know it; what is over leaves on the next day. Empty: no ceiling.', null=True, verbose_name='warming up since')),
                ('takes_readers', models.BooleanField(default=True, help_text='Without the tick, forms say that sign-up is closed.', verbose_name='new readers may sign up')),
                ('theme', models.CharField(choices=[('letter', 'letter'), ('book', 'book'), ('plain', 'plain')], default='letter', max_length=10, verbose_name='look of the site')),
                ('unapproved', models.CharField(choices=[('wait', 'waits for its author'), ('go', 'goes out as it was mailed to its author the day before')], default='wait', help_text='24 hours before a slot you get the letter itself, with links to approve, move or skip it.', max_length=4, verbose_name='without an approval the issue')),
                ('bounces_to', models.EmailField(blank=True, help_text='For an SMTP server of your own: bounces@example.org makes each copy come back to bounces+TOKEN@example.org, which says whose it was. The mailbox must take what stands after the +. Empty: the sender address.', max_length=254, validators=[newsletter.publication.models.validate_bounces_to], verbose_name='returned mails go to')),
                ('numbered', models.CharField(choices=[('last', 'after the words: Subject (No. 42)'), ('first', 'before the words: No. 42: Subject'), ('not', 'nowhere')], default='not', help_text='By it a reader finds an issue again, and mail programs keep two of one subject apart.', max_length=5, verbose_name='number in the subject')),
                ('security_contact', models.CharField(blank=True, help_text='An e-mail address, or a page that begins with https://. Shown at /.well-known/security.txt. Empty: where replies go.', max_length=200, validators=[newsletter.publication.disclosure.validate_contact], verbose_name='reports of security holes go to')),
                ('owners_need_second_factor', models.BooleanField(default=False, help_text='An owner who has none is asked for it after logging in, and can do nothing else on the desk until then.', verbose_name='owners need a second factor')),
                ('calendar_salt', models.CharField(blank=True, editable=False, max_length=32, verbose_name='link of the calendar')),
                ('holiday_country', models.CharField(blank=True, default='TW', help_text='The two letters of a country, such as TW or JP. Empty: the calendar knows no holidays.', max_length=2, validators=[newsletter.publication.models.validate_country], verbose_name='holidays of')),
                ('number_typed_above', models.PositiveIntegerField(default=1000, help_text='Then no single press on the desk sends an issue.', verbose_name='ask for the issue number above this many readers')),
                ('refuses_throwaway', models.BooleanField(default=False, help_text='Addresses at domains whose mailboxes end after some minutes, by a list of some ten thousand. The form says so, and asks for another.', verbose_name='refuse throw-away addresses')),
                ('welcome', models.TextField(blank=True, help_text='Markdown. How the letter to a new reader begins. Empty: the words that the preview shows.', verbose_name='welcome')),
                ('welcome_question', models.CharField(blank=True, help_text='Closes that letter, to be answered by a reply: what do you hope to read here? Empty: none.', max_length=200, verbose_name='one question')),
                ('crawlers', models.CharField(choices=[('read', 'nothing: they may read what everybody may read'), ('no-training', 'not for training; assistants and search engines may read'), ('none', 'no AI crawlers')], db_default='read', default='read', help_text='A request, not a lock: those who want to be polite keep to it.', max_length=12, verbose_name='to crawlers of AI companies robots.txt says')),
                ('hub', models.URLField(blank=True, db_default='', help_text='Feed readers that know WebSub are told of a new post or issue within a minute, instead of asking every hour. Public hubs: https://pubsubhubbub.appspot.com/ or https://websubhub.com/hub. Empty: none.', validators=[django.core.validators.URLValidator(['https'])], verbose_name='WebSub hub')),
                ('reminds_unconfirmed', models.BooleanField(default=False, help_text='One mail, two days after the sign-up, with the same link. The privacy page says so.', verbose_name='remind who has not confirmed')),
                ('course', models.JSONField(blank=True, default=list, help_text='numbers of issues', verbose_name='first letters')),
                ('course_days', models.PositiveSmallIntegerField(default=3, help_text='And after the welcome. Never on the day of an issue.', verbose_name='days between them')),
                ('asks_heard', models.BooleanField(default=False, help_text='One sentence, on the page behind the confirmation. Nobody has to answer.', verbose_name='ask how they heard of you')),
                ('invites', models.BooleanField(db_default=False, default=False, help_text="A link of their own in the foot of each reader's letter. Counted when somebody has come by it: a number that only that reader sees; who came by whom is not kept.", verbose_name='readers invite readers')),
                ('asks_name', models.BooleanField(db_default=False, default=False, help_text='A second line in the form; nobody has to fill it in. Write {name|friend} in the introduction, the closing or the welcome, and readers see their name there, or the second word.', verbose_name='ask for the name')),
                ('face', models.ImageField(blank=True, db_default='', help_text='A photograph at the head of every issue by mail, beside the name.', upload_to='', verbose_name='your face')),
                ('face_alt', models.CharField(blank=True, db_default='', help_text='For those who cannot see it. Empty: your name.', max_length=100, verbose_name='what the photograph shows')),
                ('logo_alt', models.CharField(blank=True, db_default='', help_text='For those who cannot see it. Empty: it is skipped, because the name is beside it.', max_length=100, verbose_name='what the logo shows')),
                ('counts_links', models.BooleanField(db_default=False, default=False, help_text='Links of an issue then lead over this site, the same for every reader. You see about how many people followed each, never who; nobody is counted whose program asks not to be tracked. The privacy page says so. Begins with the next issue that you schedule.', verbose_name='count which links are followed')),
                ('tells_results', models.BooleanField(db_default=True, default=True, help_text='Three days after an issue you get a letter with what became of it and what it has brought.', verbose_name='result letter')),
            ],
            options={
                'verbose_name': 'publication',
                'verbose_name_plural': 'publication',
                'permissions': [('see_mail', 'Can read every mail in the outbox')],
                'constraints': [models.CheckConstraint(condition=models.Q(('pk', 1)), name='one_publication_per_installation'), models.CheckConstraint(condition=models.Q(('cadence_days__gte', 7)), name='never_twice_a_week'), models.CheckConstraint(condition=models.Q(('han_per_minute__gte', 50), ('words_per_minute__gte', 50)), name='readers_get_on')],
            },
        ),
        migrations.CreateModel(
            name='SiteVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.BigIntegerField(default=0)),
            ],
        ),
    ]
