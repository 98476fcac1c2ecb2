"""AWS Secrets Manager, by `arn` or `arn#key`. Credentials are found as boto3 finds them: role, environment, profile."""

from __future__ import annotations

import asyncio
from typing import Any

from agent.secret_stores import SecretUnavailableError, key_of

_TIMEOUT = 10
_ADVICE = {
    "ResourceNotFoundException": "There is no such secret in this account and region.",
    "AccessDeniedException": "The agent's role may not read it: allow secretsmanager:GetSecretValue on it, and kms:Decrypt on its key.",
    "DecryptionFailure": "Its KMS key could not be used: allow kms:Decrypt on it.",
    "UnrecognizedClientException": "The agent's AWS credentials are not valid.",
    "ExpiredTokenException": "The agent's AWS credentials have expired.",
}


class AwsSecretsManager:
    """Asks the region that the ARN names."""

    def __init__(self, *, endpoint_url: str = "") -> None:
        self._endpoint_url = endpoint_url or None

    async def read(self, secret: str) -> str:
        """Answer the secret's text, or one key of it."""
        arn, _, key = secret.partition("#")
        text = await asyncio.to_thread(self._get, arn)
        return key_of(text, key, where=f"The secret {arn}") if key else text

    def _get(self, arn: str) -> str:
        try:
            # Only agents with such references need it: daggerboard-agent[aws].
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError, ClientError
            from botocore.session import Session
        except ImportError as error:
            raise SecretUnavailableError(
                "This agent cannot ask AWS: install it with pip install 'daggerboard-agent[aws]'."
            ) from error
        config = Config(connect_timeout=_TIMEOUT, read_timeout=_TIMEOUT, retries={"max_attempts": 2})
        try:
            client = Session().create_client(
                "secretsmanager", region_name=arn.split(":")[3], endpoint_url=self._endpoint_url, config=config
            )
            answer: dict[str, Any] = client.get_secret_value(SecretId=arn)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise SecretUnavailableError(f"AWS refused {arn} ({code}). {_ADVICE.get(code, '')}".strip()) from error
        except BotoCoreError as error:
            raise SecretUnavailableError(f"AWS could not be asked for {arn}: {error}") from error
        if "SecretString" not in answer:
            raise SecretUnavailableError(f"The secret {arn} is binary; only text can be an environment variable.")
        return str(answer["SecretString"])
