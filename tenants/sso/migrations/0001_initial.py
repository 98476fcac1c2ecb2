"""Connections to identity providers, domains, linked identities and used assertions."""

import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.manager
import django.utils.timezone
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

from tenants.rls import SameOrg, TenantPolicy


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='SsoConnection',
            fields=[
                ('org_id', models.UUIDField()),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('protocol', models.CharField(choices=[('oidc', 'OpenID Connect'), ('saml', 'SAML 2.0')], max_length=4)),
                ('name', models.CharField(max_length=100)),
                ('is_enabled', models.BooleanField(default=False)),
                ('jit_role', models.CharField(blank=True, choices=[('viewer', 'Viewer'), ('launcher', 'Launcher'), ('editor', 'Editor'), ('admin', 'Admin'), ('organization_admin', 'Organization Admin')], max_length=20)),
                ('issuer', models.CharField(blank=True, max_length=500)),
                ('client_id', models.CharField(blank=True, max_length=500)),
                ('client_secret_sealed', models.BinaryField(null=True)),
                ('entity_id', models.CharField(blank=True, max_length=500)),
                ('sso_url', models.CharField(blank=True, max_length=1000)),
                ('certificates', models.JSONField(default=list)),
                ('allow_idp_initiated', models.BooleanField(default=False)),
                ('attribute_mapping', models.JSONField(default=dict)),
                ('tested_at', models.DateTimeField(null=True)),
                ('test_error', models.CharField(blank=True, max_length=1000)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'db_table': 'sso_connection',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'constraints': [models.UniqueConstraint(fields=('org_id', 'number'), name='sso_connection_number_once')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='SsoAssertion',
            fields=[
                ('org_id', models.UUIDField()),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('assertion_sha256', models.BinaryField(max_length=32)),
                ('expires_at', models.DateTimeField()),
                ('connection', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='sso.ssoconnection')),
            ],
            options={
                'db_table': 'sso_assertion',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'constraints': [models.UniqueConstraint(fields=('org_id', 'connection', 'assertion_sha256'), name='sso_assertion_used_once')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='SsoDomain',
            fields=[
                ('org_id', models.UUIDField()),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=253)),
                ('token', models.CharField(max_length=64)),
                ('verified_at', models.DateTimeField(null=True)),
                ('checked_at', models.DateTimeField(null=True)),
                ('check_error', models.CharField(blank=True, max_length=500)),
                ('is_enforced', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('connection', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='sso.ssoconnection')),
            ],
            options={
                'db_table': 'sso_domain',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'constraints': [models.UniqueConstraint(fields=('org_id', 'name'), name='sso_domain_name_once'), models.UniqueConstraint(django.db.models.functions.text.Lower('name'), condition=models.Q(('verified_at__isnull', False)), name='sso_domain_verified_once')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='SsoIdentity',
            fields=[
                ('org_id', models.UUIDField()),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('subject', models.CharField(max_length=500)),
                ('email', models.CharField(blank=True, max_length=254)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('last_used_at', models.DateTimeField(null=True)),
                ('connection', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='sso.ssoconnection')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'sso_identity',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'constraints': [models.UniqueConstraint(fields=('org_id', 'connection', 'subject'), name='sso_identity_subject_once')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        TenantPolicy('sso_connection'),
        TenantPolicy(
            'sso_domain',
            also={'by_name': "verified_at IS NOT NULL AND name = nullif(current_setting('app.domain', true), '')"},
        ),
        TenantPolicy('sso_identity'),
        TenantPolicy('sso_assertion'),
        SameOrg('sso_domain', 'connection_id', 'sso_connection'),
        SameOrg('sso_identity', 'connection_id', 'sso_connection'),
        SameOrg('sso_assertion', 'connection_id', 'sso_connection'),
    ]
