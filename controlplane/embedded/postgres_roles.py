"""Creates the database and the login roles that Daggerboard needs, on an embedded server or on one of your own.

`daggerboard_owner` owns the schema and runs migrations. `daggerboard_app` serves requests: no DDL, no way around
row-level security. `daggerboard_door` is the same for the few audited jobs that cross organizations. Migrations grant
both what they may do.
"""

import sys

import psycopg
from psycopg import sql

from controlplane.embedded.postgres_urls import APP, DATABASE, DOOR, OWNER, PostgresUrls, RolePasswords

_CREATE_ROLE = "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOBYPASSRLS PASSWORD {}"
_CHANGE_ROLE = "ALTER ROLE {} LOGIN PASSWORD {}"
# Giving a database away needs membership in the role that receives it, for all but superusers.
_JOIN_OWNER = f"GRANT {OWNER} TO CURRENT_USER"
_CREATE_DATABASE = f"CREATE DATABASE {{}} OWNER {OWNER} ENCODING 'UTF8' TEMPLATE template0"
_INSIDE_DATABASE = (
    "REVOKE ALL ON DATABASE {} FROM PUBLIC",
    f"GRANT CONNECT ON DATABASE {{}} TO {APP}, {DOOR}",
    f"ALTER SCHEMA public OWNER TO {OWNER}",
    "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    f"GRANT USAGE ON SCHEMA public TO {APP}, {DOOR}",
)


def create_roles_and_database(
    admin_url: str, *, passwords: RolePasswords, owner_creates_databases: bool = False
) -> None:
    """Safe to repeat: what exists is kept, and gets these passwords. The URL is one of a superuser, or of a role with
    CREATEROLE and CREATEDB, to any existing database.
    """
    with psycopg.connect(admin_url, autocommit=True) as admin:
        for role, password in _roles(passwords):
            known = admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
            statement = sql.SQL(_CHANGE_ROLE if known else _CREATE_ROLE)
            admin.execute(statement.format(sql.Identifier(role), sql.Literal(password)))
        if owner_creates_databases:
            admin.execute(sql.SQL("ALTER ROLE {} CREATEDB").format(sql.Identifier(OWNER)))
        admin.execute(sql.SQL(_JOIN_OWNER))
    create_database(admin_url, name=DATABASE)


def create_database(admin_url: str, *, name: str) -> None:
    """A database that the owner role owns and the other two may enter; kept when it exists."""
    with psycopg.connect(admin_url, autocommit=True) as admin:
        if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            admin.execute(sql.SQL(_CREATE_DATABASE).format(sql.Identifier(name)))
    with psycopg.connect(admin_url, dbname=name, autocommit=True) as admin:
        for statement in _INSIDE_DATABASE:
            admin.execute(sql.SQL(statement).format(sql.Identifier(name)))


def setup_script(passwords: RolePasswords) -> str:
    """The same as a script for psql, for a server where only its administrator may do this."""
    roles = [
        sql.SQL(_CREATE_ROLE).format(sql.Identifier(role), sql.Literal(password)).as_string()
        for role, password in _roles(passwords)
    ]
    database = sql.Identifier(DATABASE)
    inside = [sql.SQL(statement).format(database).as_string() for statement in _INSIDE_DATABASE]
    create = sql.SQL(_CREATE_DATABASE).format(database).as_string()
    lines = [*roles, _JOIN_OWNER, create]
    return "".join([*(f"{line};\n" for line in lines), f"\\connect {DATABASE}\n", *(f"{line};\n" for line in inside)])


def _roles(passwords: RolePasswords) -> list[tuple[str, str]]:
    return [(OWNER, passwords.owner), (APP, passwords.app), (DOOR, passwords.door)]


def main() -> None:
    """`python -m controlplane.embedded.postgres_roles HOST PORT`: the script with new passwords, and the settings for them."""
    host, port = sys.argv[1], int(sys.argv[2])
    passwords = RolePasswords.random()
    settings = PostgresUrls.of(host=host, port=port, passwords=passwords).environment()
    sys.stdout.write("".join(f"-- {name}={value}\n" for name, value in settings.items()) + setup_script(passwords))


if __name__ == "__main__":
    main()
