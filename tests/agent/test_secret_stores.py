"""References looked up by the agent: a real moto server for AWS, and servers that speak as Vault and Kubernetes do."""

import asyncio
import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from moto.server import ThreadedMotoServer

from agent.protocol import SecretReference
from agent.secret_stores import SecretStores, SecretUnavailableError
from agent.secret_stores.aws import AwsSecretsManager
from agent.secret_stores.kubernetes import KubernetesSecrets, KubernetesSettings
from agent.secret_stores.vault import Vault, VaultSettings

VALUE = "canary-value"


def read(store, secret):
    return asyncio.run(store.read(secret))


# ---- AWS


@pytest.fixture(scope="module")
def moto():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(moto, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    client = boto3.client("secretsmanager", region_name="eu-west-1", endpoint_url=moto)

    def create(name, **value):
        return client.create_secret(Name=name, **value)["ARN"]

    return AwsSecretsManager(endpoint_url=moto), create


def test_aws_secret_is_read_whole_or_by_its_key(aws):
    store, create = aws
    whole = create("whole", SecretString=VALUE)
    keyed = create("keyed", SecretString=json.dumps({"password": VALUE, "port": 5432}))

    assert read(store, whole) == VALUE
    assert read(store, f"{keyed}#password") == VALUE
    assert read(store, f"{keyed}#port") == "5432"


def test_aws_error_says_what_is_wrong_and_no_value(aws):
    store, create = aws
    keyed, plain = create("keyed2", SecretString=json.dumps({"a": VALUE})), create("plain2", SecretString=VALUE)
    binary = create("binary2", SecretBinary=b"x")
    missing = plain.replace("plain2", "nothing")

    for secret, says in (
        (missing, "no such secret"),
        (f"{keyed}#b", "has no key b"),
        (f"{plain}#b", "no JSON object"),
        (binary, "binary"),
    ):
        with pytest.raises(SecretUnavailableError, match=says) as refused:
            read(store, secret)
        assert VALUE not in str(refused.value)


# ---- servers for Vault and Kubernetes


class Server:
    """Answers what `answers` says for method and path, and remembers the headers."""

    def __init__(self):
        self.answers, self.asked = {}, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.asked.append((self.path, dict(self.headers), body))
                status, document = outer.answers[self.path](self.headers, body)
                data = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = answer  # noqa: N815 - the names that http.server looks for

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http.server_address[1]}"


@pytest.fixture
def server():
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


def kv(token, fields):
    """As Vault answers a read of a KV version 2 secret."""

    def answer(headers, _):
        if headers["X-Vault-Token"] != token:
            return 403, {"errors": ["permission denied"]}
        return 200, {"data": {"data": fields, "metadata": {"version": 3}}}

    return answer


def test_vault_field_is_read_with_a_token_file_that_may_change(server, tmp_path):
    (tmp_path / "token").write_text("old\n")
    server.answers["/v1/secret/data/team/db"] = kv("new", {"password": VALUE})
    store = Vault(VaultSettings(url=server.url, namespace="acme", token_file=str(tmp_path / "token")))

    with pytest.raises(SecretUnavailableError, match="policy needs `read`"):
        read(store, "secret/team/db#password")
    (tmp_path / "token").write_text("new\n")

    assert read(store, "secret/team/db#password") == VALUE
    assert server.asked[-1][1]["X-Vault-Namespace"] == "acme"


def test_vault_login_by_service_account_is_kept_and_renewed(server, tmp_path):
    (tmp_path / "token").write_text("jwt")
    logins = []

    def login(_, body):
        logins.append(json.loads(body))
        return 200, {"auth": {"client_token": f"t{len(logins)}", "lease_duration": 3600}}

    server.answers["/v1/auth/k8s/login"] = login
    server.answers["/v1/secret/data/db"] = kv("t1", {"password": VALUE})
    settings = VaultSettings(url=server.url, role="agent", auth_mount="k8s", service_account_token=tmp_path / "token")
    store = Vault(settings)

    assert [read(store, "secret/db#password") for _ in range(2)] == [VALUE, VALUE]
    assert logins == [{"role": "agent", "jwt": "jwt"}]
    # The login was revoked: another one is made.
    server.answers["/v1/secret/data/db"] = kv("t2", {"password": VALUE})
    assert read(store, "secret/db#password") == VALUE


def test_vault_error_is_said_in_words(server, tmp_path):
    (tmp_path / "token").write_text("t")
    store = Vault(VaultSettings(url=server.url, token_file=str(tmp_path / "token")))
    server.answers = {
        "/v1/secret/data/db": kv("t", {"password": VALUE}),
        "/v1/secret/data/none": lambda *_: (404, {"errors": []}),
        "/v1/secret/data/sealed": lambda *_: (503, {"errors": ["Vault is sealed"]}),
        "/v1/secret/data/v1": lambda *_: (200, {"data": {"password": VALUE}}),
    }

    for secret, says in (
        ("secret/db#user", "has no key user"),
        ("secret/none#a", "has no secret secret/none"),
        ("secret/sealed#a", "Vault is sealed"),
        ("secret/v1#a", "KV version 2"),
    ):
        with pytest.raises(SecretUnavailableError, match=says) as refused:
            read(store, secret)
        assert VALUE not in str(refused.value)


def test_vault_that_does_not_answer_or_is_not_set_up():
    with pytest.raises(SecretUnavailableError, match="set vault_url"):
        read(Vault(VaultSettings(url="")), "secret/db#a")
    with pytest.raises(SecretUnavailableError, match="cannot log in"):
        read(Vault(VaultSettings(url="http://127.0.0.1:1")), "secret/db#a")
    with pytest.raises(SecretUnavailableError, match="cannot be read"):
        read(Vault(VaultSettings(url="http://127.0.0.1:1", token_file="/nowhere")), "secret/db#a")


@pytest.fixture
def pod(tmp_path):
    (tmp_path / "token").write_text("pod-token")
    (tmp_path / "namespace").write_text("data")
    return tmp_path


def test_kubernetes_secret_is_read_in_the_pods_namespace_or_another(server, pod):
    def answer(headers, _):
        assert headers["Authorization"] == "Bearer pod-token"
        return 200, {"data": {"password": base64.b64encode(VALUE.encode()).decode()}}

    server.answers = {
        "/api/v1/namespaces/data/secrets/db": answer,
        "/api/v1/namespaces/other/secrets/db": answer,
    }
    store = KubernetesSecrets(KubernetesSettings(url=server.url, credentials=pod))

    assert (read(store, "db#password"), read(store, "other/db#password")) == (VALUE, VALUE)


def test_kubernetes_error_is_said_in_words(server, pod):
    server.answers = {
        "/api/v1/namespaces/data/secrets/none": lambda *_: (404, {}),
        "/api/v1/namespaces/data/secrets/mine": lambda *_: (403, {}),
        "/api/v1/namespaces/data/secrets/db": lambda *_: (200, {"data": {"a": "/w=="}}),
    }
    store = KubernetesSecrets(KubernetesSettings(url=server.url, credentials=pod))

    for secret, says in (
        ("none#a", "does not exist"),
        ("mine#a", "`get` on it"),
        ("db#b", "has no key b"),
        ("db#a", "is not text"),
    ):
        with pytest.raises(SecretUnavailableError, match=says):
            read(store, secret)
    with pytest.raises(SecretUnavailableError, match="does not run in Kubernetes"):
        read(KubernetesSecrets(KubernetesSettings(url="", credentials=pod)), "db#a")


# ---- the cache


def test_secret_is_asked_for_once_within_its_time():
    asked, now = [], [0.0]

    class Store:
        async def read(self, secret):
            asked.append(secret)
            await asyncio.sleep(0)
            return f"value {len(asked)}"

    stores = SecretStores({"vault": Store()}, ttl=10, now=lambda: now[0])
    reference = SecretReference(store="vault", secret="a/b#c")

    async def twice():
        return await asyncio.gather(stores.read(reference), stores.read(reference))

    assert asyncio.run(twice()) == ["value 1", "value 1"]
    now[0] = 10.0
    assert asyncio.run(stores.read(reference)) == "value 2"


def test_unknown_store_is_refused():
    with pytest.raises(SecretUnavailableError, match="Upgrade"):
        asyncio.run(SecretStores({}, ttl=1).read(SecretReference(store="new", secret="x")))
