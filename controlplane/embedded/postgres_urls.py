"""The names of Daggerboard's database and login roles, their passwords, and the URLs made of both."""

import secrets
from dataclasses import asdict, dataclass, field, replace
from urllib.parse import quote

DATABASE = "daggerboard"
OWNER, APP, DOOR = "daggerboard_owner", "daggerboard_app", "daggerboard_door"


@dataclass(frozen=True)
class RolePasswords:
    """One password per role; none of them is printed by accident."""

    superuser: str = field(repr=False)
    owner: str = field(repr=False)
    app: str = field(repr=False)
    door: str = field(repr=False)

    @classmethod
    def random(cls) -> "RolePasswords":
        return cls(*(secrets.token_urlsafe(24) for _ in range(4)))

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True)
class PostgresUrls:
    """Where the database is, for each role. Passwords are in the URLs, so they are not printed by accident."""

    owner: str = field(repr=False)
    app: str = field(repr=False)
    door: str = field(repr=False)
    superuser: str = field(repr=False)
    host: str
    port: int

    @classmethod
    def of(cls, *, host: str, port: int, passwords: RolePasswords) -> "PostgresUrls":
        def url(role: str, password: str, database: str) -> str:
            return f"postgresql://{role}:{quote(password, safe='')}@{host}:{port}/{database}"

        return cls(
            owner=url(OWNER, passwords.owner, DATABASE),
            app=url(APP, passwords.app, DATABASE),
            door=url(DOOR, passwords.door, DATABASE),
            superuser=url("postgres", passwords.superuser, "postgres"),
            host=host,
            port=port,
        )

    def for_database(self, name: str) -> "PostgresUrls":
        """The same roles in another database of the same server; the superuser's URL stays."""

        def url(base: str) -> str:
            return f"{base.rpartition('/')[0]}/{quote(name, safe='')}"

        return replace(self, owner=url(self.owner), app=url(self.app), door=url(self.door))

    def environment(self) -> dict[str, str]:
        """As the settings expect them. For a process that serves requests, leave the owner's URL out."""
        return {
            "DAGGERBOARD_DATABASE_URL": self.app,
            "DAGGERBOARD_DATABASE_DOOR_URL": self.door,
            "DAGGERBOARD_DATABASE_OWNER_URL": self.owner,
        }
