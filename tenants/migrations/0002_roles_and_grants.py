"""Teams, service accounts, custom roles and grants; the one role that memberships had becomes a grant."""

import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.manager
import django.utils.timezone
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

from tenants.rls import SameOrg, TenantPolicy

# The owner of the tables reads all rows only while row-level security is not forced on it.
_OWNERS = [
    "ALTER TABLE membership NO FORCE ROW LEVEL SECURITY",
    """INSERT INTO access_grant (id, org_id, user_id, effect, role, scope, target, target_value, reason, created_at, created_by)
       SELECT gen_random_uuid(), org_id, user_id, 'allow', 'organization_admin', 'organization', 'everything', '', '', created_at, ''
       FROM membership""",
    "ALTER TABLE membership FORCE ROW LEVEL SECURITY",
]


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='apitoken',
            name='allowed_networks',
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='created_by',
            field=models.CharField(blank=True, max_length=254),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='last_used_from',
            field=models.CharField(blank=True, max_length=45),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='reach',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='replaces_id',
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='scopes',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='organization',
            name='allowed_networks',
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name='organization',
            name='delete_after',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='organization',
            name='logo',
            field=models.BinaryField(null=True),
        ),
        migrations.AddField(
            model_name='organization',
            name='logo_type',
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AddField(
            model_name='organization',
            name='session_hours',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='organization',
            name='state',
            field=models.CharField(choices=[('active', 'Active'), ('read_only', 'Read-only'), ('suspended', 'Suspended'), ('pending_deletion', 'Pending deletion')], default='active', max_length=20),
        ),
        migrations.AddField(
            model_name='organization',
            name='state_changed_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='organization',
            name='state_reason',
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AlterField(
            model_name='apitoken',
            name='kind',
            field=models.CharField(choices=[('user', 'User'), ('service', 'Service account'), ('agent', 'Agent'), ('scim', 'SCIM')], max_length=16),
        ),
        migrations.CreateModel(
            name='CustomRole',
            fields=[
                ('org_id', models.UUIDField()),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('description', models.CharField(blank=True, max_length=500)),
                ('of_organization', models.BooleanField(default=False)),
                ('permissions', models.JSONField(default=list)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'db_table': 'custom_role',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'constraints': [models.UniqueConstraint(models.F('org_id'), django.db.models.functions.text.Lower('name'), name='custom_role_name_once')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='ServiceAccount',
            fields=[
                ('org_id', models.UUIDField()),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('description', models.CharField(blank=True, max_length=500)),
                ('is_active', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('created_by', models.CharField(blank=True, max_length=254)),
            ],
            options={
                'db_table': 'service_account',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'constraints': [models.UniqueConstraint(models.F('org_id'), django.db.models.functions.text.Lower('name'), name='service_account_name_once')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.AddField(
            model_name='apitoken',
            name='service_account',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.serviceaccount'),
        ),
        migrations.CreateModel(
            name='Team',
            fields=[
                ('org_id', models.UUIDField()),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('external_id', models.CharField(blank=True, max_length=200)),
                ('is_synced', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'db_table': 'team',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'constraints': [models.UniqueConstraint(models.F('org_id'), django.db.models.functions.text.Lower('name'), name='team_name_once')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='Grant',
            fields=[
                ('org_id', models.UUIDField()),
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('effect', models.CharField(choices=[('allow', 'Allow'), ('deny', 'Deny')], default='allow', max_length=5)),
                ('role', models.CharField(blank=True, choices=[('viewer', 'Viewer'), ('launcher', 'Launcher'), ('editor', 'Editor'), ('admin', 'Admin'), ('organization_admin', 'Organization Admin')], max_length=20)),
                ('scope', models.CharField(choices=[('organization', 'The whole organization'), ('deployment', 'One deployment'), ('all_branches', 'All branch deployments'), ('branches_of', 'Branch deployments of one deployment')], max_length=12)),
                ('deployment_id', models.UUIDField(null=True)),
                ('target', models.CharField(choices=[('everything', 'Everything'), ('code_location', 'A code location'), ('group', 'An asset group'), ('tag', 'Assets with a tag'), ('selection', 'An asset selection'), ('owned', 'What the person or a team of theirs owns')], default='everything', max_length=14)),
                ('target_value', models.CharField(blank=True, max_length=1000)),
                ('reason', models.CharField(blank=True, max_length=500)),
                ('expires_at', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('created_by', models.CharField(blank=True, max_length=254)),
                ('custom_role', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.customrole')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('service_account', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.serviceaccount')),
                ('team', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.team')),
            ],
            options={
                'db_table': 'access_grant',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(fields=['org_id', 'user'], name='access_grant_of_user'), models.Index(fields=['org_id', 'team'], name='access_grant_of_team'), models.Index(fields=['org_id', 'service_account'], name='access_grant_of_service')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('service_account', None), ('team', None), ('user__isnull', False)), models.Q(('service_account', None), ('team__isnull', False), ('user', None)), models.Q(('service_account__isnull', False), ('team', None), ('user', None)), _connector='OR'), name='access_grant_one_holder'), models.CheckConstraint(condition=models.Q(models.Q(('custom_role', None), ('effect', 'deny'), ('role', '')), models.Q(('custom_role', None), ('effect', 'allow'), models.Q(('role', ''), _negated=True)), models.Q(('custom_role__isnull', False), ('effect', 'allow'), ('role', '')), _connector='OR'), name='access_grant_role_or_denial'), models.CheckConstraint(condition=models.Q(models.Q(('deployment_id__isnull', False), ('scope__in', ['deployment', 'branches_of'])), models.Q(('deployment_id', None), ('scope__in', ['organization', 'all_branches'])), _connector='OR'), name='access_grant_scope_names_deployment')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name='TeamMembership',
            fields=[
                ('org_id', models.UUIDField()),
                ('pk', models.CompositePrimaryKey('org_id', 'team_id', 'user_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('team', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.team')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'team_membership',
                'abstract': False,
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(fields=['org_id', 'user'], name='team_membership_of_user')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.RunSQL(_OWNERS, migrations.RunSQL.noop),
        migrations.RemoveField(model_name='membership', name='role'),
        *(TenantPolicy(table) for table in ('team', 'team_membership', 'service_account', 'custom_role', 'access_grant')),
        SameOrg('team_membership', 'team_id', 'team'),
        SameOrg('access_grant', 'team_id', 'team'),
        SameOrg('access_grant', 'service_account_id', 'service_account'),
        SameOrg('access_grant', 'custom_role_id', 'custom_role'),
        SameOrg('api_token', 'service_account_id', 'service_account'),
    ]
