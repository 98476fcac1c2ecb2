"""Whether strangers wrote the code of a branch, where it is decided which agents reach it."""

from django.db import migrations, models

# As the owner, past the policies, and only for these statements.
_OPEN = ["ALTER TABLE deployment NO FORCE ROW LEVEL SECURITY", "ALTER TABLE branch_deployment NO FORCE ROW LEVEL SECURITY"]
_TAKE_OVER = """
    UPDATE deployment d SET is_fork = true FROM branch_deployment b
    WHERE b.org_id = d.org_id AND b.deployment_id = d.id AND b.is_fork
"""
_CLOSE = ["ALTER TABLE deployment FORCE ROW LEVEL SECURITY", "ALTER TABLE branch_deployment FORCE ROW LEVEL SECURITY"]


class Migration(migrations.Migration):

    dependencies = [
        ('deployments', '0008_branches_whose_time_has_come'),
    ]

    operations = [
        migrations.AddField(
            model_name='deployment',
            name='is_fork',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.RunSQL([*_OPEN, _TAKE_OVER, *_CLOSE], migrations.RunSQL.noop),
    ]
