"""The first tables of this slice."""

from controlplane.core.partitioning import DROP_FUNCTION_SQL, FUNCTION_SQL
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.RunSQL(FUNCTION_SQL, DROP_FUNCTION_SQL),
        migrations.CreateModel(
            name='DueJob',
            fields=[
                ('name', models.CharField(max_length=100, primary_key=True, serialize=False)),
                ('every_seconds', models.FloatField()),
                ('next_due', models.DateTimeField(db_index=True)),
            ],
            options={
                'db_table': 'due_job',
            },
        ),
        migrations.CreateModel(
            name='Pulse',
            fields=[
                ('id', models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('steady_since', models.DateTimeField()),
                ('beat_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'pulse',
            },
        ),
    ]
