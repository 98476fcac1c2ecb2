"""Memberships that can be inactive and managed through SCIM; the state an organization goes back to."""

import django.db.models.functions.text
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0002_roles_and_grants'),
    ]

    operations = [
        migrations.AddField(
            model_name='organization',
            name='state_before',
            field=models.CharField(blank=True, choices=[('active', 'Active'), ('read_only', 'Read-only'), ('suspended', 'Suspended'), ('pending_deletion', 'Pending deletion')], default='', max_length=20),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='membership',
            name='updated_at',
            field=models.DateTimeField(auto_now=True, default=django.utils.timezone.now),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='membership',
            name='is_active',
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name='membership',
            name='is_synced',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='membership',
            name='user_name',
            field=models.CharField(max_length=254, null=True),
        ),
        migrations.AddField(
            model_name='membership',
            name='external_id',
            field=models.CharField(blank=True, default='', max_length=254),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='membership',
            name='scim',
            field=models.JSONField(default=dict),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.UniqueConstraint(models.F('org_id'), django.db.models.functions.text.Lower('user_name'), name='membership_user_name_once'),
        ),
        migrations.AddIndex(
            model_name='membership',
            index=models.Index(fields=['org_id', 'external_id'], name='membership_external_id'),
        ),
    ]
