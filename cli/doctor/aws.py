"""The deployment behind a URL, read from AWS: no call changes anything."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from poker_signal.core.base_error import PokerSignalError
from poker_signal.emulator import extras

CONNECT_S = 5
ANSWER_S = 10

_OF_AWS = re.compile(
    r"(?P<api>[a-z0-9]+)\.execute-api\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?"
)
_INTEGRATION = re.compile(r"/functions/(?P<arn>arn:[^/]+)/invocations")

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError"})
_REFUSED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
LOG_IN = "aws sso login, or aws configure; another profile: AWS_PROFILE=NAME"


class NotRead(PokerSignalError):
    """AWS did not give what a check needs; ``then`` is the command or change that helps."""

    def __init__(self, words: str, then: str) -> None:
        super().__init__(words, then)
        self.words = words
        self.then = then

    def __str__(self) -> str:
        return self.words


class NotThere(NotRead):
    """AWS has no resource of this name."""


class Account:
    """The services of AWS, with the user's credentials."""

    def __init__(self, region: str | None) -> None:
        """Take the user's credentials.

        Raises:
            NotRead: boto3 is not installed, the profile does not exist, or no region is known.
        """
        try:
            import boto3
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError
        except ImportError as error:
            missing = extras.missing("--cloud", "aws")
            raise NotRead("boto3 is not installed", missing) from error
        try:
            self._session = boto3.Session(region_name=region)
        except BotoCoreError as error:
            raise NotRead(str(error), LOG_IN) from error
        self._config = Config(
            connect_timeout=CONNECT_S, read_timeout=ANSWER_S, retries={"total_max_attempts": 2}
        )
        self._clients: dict[str, Any] = {}
        if self._session.region_name is None:
            words = "the URL is not API Gateway's own, and no region is set for a custom domain"
            then = "tofu output websocket_url, or export AWS_REGION=eu-central-1"
            raise NotRead(words, then)
        self.region = str(self._session.region_name)

    def read(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """Call one operation that reads, such as ``get_stages``.

        Raises:
            NotThere: the resource does not exist.
            NotRead: no credentials, or they may not call it, or AWS cannot be reached.
        """
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

        try:
            if service not in self._clients:
                self._clients[service] = self._session.client(service, config=self._config)
            client = self._clients[service]
            answer: dict[str, Any] = getattr(client, operation)(**arguments)
        except NoCredentialsError as error:
            raise NotRead("no credentials for AWS were found", LOG_IN) from error
        except ClientError as error:
            action = f"{service}:{client.meta.method_to_api_mapping[operation]}"
            raise _of_refusal(error.response["Error"], action) from error
        except BotoCoreError as error:
            raise NotRead(f"AWS cannot be asked: {error}", LOG_IN) from error
        return answer

    def read_all(
        self, service: str, operation: str, member: str, **arguments: Any
    ) -> list[dict[str, Any]]:
        """Return the items of all pages of an operation of API Gateway.

        Raises:
            NotRead: as ``read``.
        """
        found: list[dict[str, Any]] = []
        more: dict[str, str] = {}
        while True:
            page = self.read(service, operation, **arguments, **more)
            found += page[member]
            if not page.get("NextToken"):
                return found
            more = {"NextToken": page["NextToken"]}


def _of_refusal(error: Mapping[str, str], action: str) -> NotRead:
    code = error.get("Code", "")
    if code in _DENIED:
        # API Gateway has one action for all that read.
        action = "apigateway:GET" if action.startswith("apigatewayv2:") else action
        then = f"allow {action}, for example by the policy ReadOnlyAccess, or use another profile"
        return NotRead(f"these credentials may not call {action}", then)
    if code in _REFUSED:
        return NotRead(f"AWS does not accept the credentials: {code}", LOG_IN)
    words = f"{action}: {error.get('Message') or code}"
    if "NotFound" in code or "NonExistent" in code or "DoesNotExist" in code:
        return NotThere(words, "tofu plan")
    return NotRead(words, "try again: poker-signal doctor URL --cloud")


class DeployedStage(NamedTuple):
    """The stage of API Gateway that a URL names."""

    api_id: str
    name: str
    settings: dict[str, Any]
    """DefaultRouteSettings."""


class ExecuteApi(NamedTuple):
    """API Gateway's own host name in a URL."""

    api_id: str
    region: str


def place_of(url: str) -> ExecuteApi | None:
    """Return the API and the region in a URL; None: a custom domain, or no URL of AWS."""
    found = _OF_AWS.fullmatch(urlsplit(url).hostname or "")
    return ExecuteApi(found["api"], found["region"]) if found else None


def api_of_domain(account: Account, url: str) -> tuple[str, str]:
    """Return the API and the stage behind a custom domain.

    Raises:
        NotRead: the account has no such domain, or no mapping for the URL's path.
    """
    parts = urlsplit(url)
    host, path = parts.hostname or "", parts.path.strip("/")
    then = "tofu output websocket_url, with the credentials and AWS_REGION of the deployment"
    try:
        mappings = account.read_all("apigatewayv2", "get_api_mappings", "Items", DomainName=host)
    except NotThere:
        mappings = []
    if not mappings:
        words = f"{host} is neither API Gateway's own name nor a custom domain of this account in"
        raise NotRead(f"{words} {account.region}", then)
    for each in mappings:
        if (each.get("ApiMappingKey") or "") == path:
            return str(each["ApiId"]), str(each["Stage"])
    raise NotRead(f"{host} maps no API to the path “{path}”", then)


def function_of(account: Account, api_id: str) -> str:
    """Return the ARN of the function behind the API, with its alias.

    Raises:
        NotRead: the API calls no function.
    """
    found = account.read_all("apigatewayv2", "get_integrations", "Items", ApiId=api_id)
    for each in found:
        if arn := _INTEGRATION.search(each.get("IntegrationUri") or ""):
            return arn["arn"]
    raise NotThere(f"the API {api_id} calls no Lambda function", "tofu apply")
