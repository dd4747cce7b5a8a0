"""--cloud: checks of a deployment's settings on AWS. They read, and write nothing."""

import json
from collections.abc import Callable, Generator, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from poker_signal.cli.doctor.aws import (
    Account,
    DeployedStage,
    NotRead,
    NotThere,
    api_of_domain,
    function_of,
    place_of,
)
from poker_signal.cli.doctor.checked import Checked, ok, warning, wrong
from poker_signal.lambda_app.environment import ALLOWED_ORIGINS, LATER_QUEUE_URL, TABLE_NAME
from poker_signal.lambda_app.table import INDEX

NEW_ACCOUNT = 10
"""Concurrent executions of a new account."""

QUOTA = "L-B99A9384"
"""Code of the quota of concurrent executions."""

TTL = "ttl"
"""Attribute of the rows' expiry."""

ROUTES = frozenset({"$connect", "$disconnect", "$default"})


class _Function(NamedTuple):
    """The function behind an API."""

    name: str
    configuration: dict[str, Any]

    def variable(self, name: str) -> str:
        """Return a variable of the function; empty if it is not set."""
        variables = self.configuration.get("Environment", {}).get("Variables", {})
        return str(variables.get(name, ""))


def checks(url: str) -> Iterator[Checked]:
    """Yield the outcome of each check of the deployment behind a URL."""
    try:
        place = place_of(url)
        account = Account(place.region if place else None)
        identity = account.read("sts", "get_caller_identity")
        yield ok("aws", f"account {identity['Account']}, region {account.region}")
    except NotRead as error:
        yield wrong("aws", error.words, error.then)
        return
    try:
        found, stage = _stage(account, url)
        yield found
        if stage is None:
            return
    except NotRead as error:
        yield wrong("stage", error.words, error.then)
        return
    yield _read("throttle", lambda: _throttle(stage))
    yield _read("routes", lambda: _routes(account, stage))
    yield _read("concurrency", lambda: _concurrency(account))
    yield from _function(account, stage)


def _read(name: str, check: Callable[[], Checked]) -> Checked:
    """Return the outcome of a check, or that AWS did not give what it needs."""
    try:
        return check()
    except NotRead as error:
        return wrong(name, error.words, error.then)


def _stage(account: Account, url: str) -> tuple[Checked, DeployedStage | None]:
    """Find the stage that the URL names; None: it names none that exists."""
    place = place_of(url)
    path = urlsplit(url).path.strip("/")
    api_id, name = (place.api_id, path) if place else api_of_domain(account, url)
    try:
        stages = account.read_all("apigatewayv2", "get_stages", "Items", ApiId=api_id)
    except NotThere as error:
        words = f"this account has no API {api_id} in {account.region}"
        then = "tofu output websocket_url, with the credentials of the deployment"
        raise NotRead(words, then) from error
    for each in stages:
        if each["StageName"] == name:
            settings = each.get("DefaultRouteSettings") or {}
            return ok("stage", f"{name} of API {api_id}"), DeployedStage(api_id, name, settings)
    names = [each["StageName"] for each in stages]
    said = f"the URL ends without a stage, such as /{names[0]}" if names and not name else ""
    words = said or f"the API {api_id} has no stage “{name}”; it has {', '.join(names) or 'none'}"
    right = f"wss://{urlsplit(url).netloc}/{names[0]}" if names else ""
    then = f"poker-signal doctor {right} --cloud" if names else "tofu apply"
    return wrong("stage", words, then), None


def _throttle(stage: DeployedStage) -> Checked:
    rate = stage.settings.get("ThrottlingRateLimit")
    burst = stage.settings.get("ThrottlingBurstLimit")
    then = "set throttling.rate_limit and burst_limit of the module; tofu apply"
    if rate is None or burst is None:
        words = "the stage has no limit of its own: one client may use up the account's"
        return wrong("throttle", words, then)
    if rate < 1 or burst < 1:
        words = f"{rate:g} events per second and {burst} at once: every handshake gets 429"
        return wrong("throttle", words, then)
    return ok("throttle", f"{rate:g} events per second, {burst} at once")


def _routes(account: Account, stage: DeployedStage) -> Checked:
    found = account.read_all("apigatewayv2", "get_routes", "Items", ApiId=stage.api_id)
    missing = ROUTES - {each["RouteKey"] for each in found if each.get("Target")}
    if missing:
        words = f"{', '.join(sorted(missing))} calls no function"
        return wrong("routes", words, "tofu apply")
    return ok("routes", ", ".join(sorted(ROUTES)))


def _concurrency(account: Account) -> Checked:
    limit = account.read("lambda", "get_account_settings")["AccountLimit"]
    count = limit["ConcurrentExecutions"]
    if count <= NEW_ACCOUNT:
        words = f"this account runs {count} functions at once, as each new one: a game uses most"
        more = f"--quota-code {QUOTA} --desired-value 1000 --region {account.region}"
        then = f"aws service-quotas request-service-quota-increase --service-code lambda {more}"
        return wrong("concurrency", words, then)
    return ok("concurrency", f"this account runs {count} functions at once")


def _function(account: Account, stage: DeployedStage) -> Generator[Checked, None, None]:
    """Yield the checks of the function, and of what its variables name."""
    try:
        arn = function_of(account, stage.api_id)
        configuration = account.read("lambda", "get_function_configuration", FunctionName=arn)
        if hidden := configuration.get("Environment", {}).get("Error"):
            words = f"the function's variables cannot be read: {hidden.get('Message')}"
            raise NotRead(words, "allow kms:Decrypt for the key of the function")
    except NotRead as error:
        yield wrong("function", error.words, error.then)
        return
    function = _Function(str(configuration["FunctionName"]), configuration)
    yield _state(function)
    yield _read("reserved", lambda: _reserved(account, function))
    yield _origins(function)
    yield _read("table", lambda: _table(account, function))
    yield _read("ttl", lambda: _ttl(account, function))
    yield from _later(account, function)
    yield _read("log", lambda: _log(account, function))


def _state(function: _Function) -> Checked:
    state = function.configuration.get("State", "Active")
    update = function.configuration.get("LastUpdateStatus", "Successful")
    if state in {"Failed", "Pending"} or update == "Failed":
        reason = function.configuration.get("StateReason") or f"its last update is {update}"
        words = f"{function.name} is {state}: {reason}"
        return wrong("function", words, f"aws lambda get-function --function-name {function.name}")
    # An inactive one wakes up by an event.
    return ok("function", f"{function.name} is {state}")


def _reserved(account: Account, function: _Function) -> Checked:
    answer = account.read("lambda", "get_function_concurrency", FunctionName=function.name)
    count = answer.get("ReservedConcurrentExecutions")
    if count == 0:
        then = f"aws lambda delete-function-concurrency --function-name {function.name}"
        return wrong("reserved", "0 executions are reserved: the function never runs", then)
    if count is None:
        return ok("reserved", "no executions are reserved for the function")
    return ok("reserved", f"{count} executions are reserved, which are also the most")


def _origins(function: _Function) -> Checked:
    listed = function.variable(ALLOWED_ORIGINS)
    if listed:
        return ok("origins", f"pages of {listed.replace(',', ', ')} may connect")
    return ok("origins", "pages of every site may connect", "limits.allowed_origins of the module")


def _table(account: Account, function: _Function) -> Checked:
    name = _table_name(function)
    table = account.read("dynamodb", "describe_table", TableName=name)["Table"]
    indexes = {each["IndexName"]: each for each in table.get("GlobalSecondaryIndexes", ())}
    if INDEX not in indexes:
        return wrong("table", f"{name} has no index {INDEX}: players are not found", "tofu apply")
    # moto and AWS leave the status out while nothing happens to it.
    states = {table["TableStatus"], indexes[INDEX].get("IndexStatus") or "ACTIVE"}
    if states - {"ACTIVE", "UPDATING"}:
        then = f"aws dynamodb describe-table --table-name {name}"
        return wrong("table", f"{name} is {', '.join(sorted(states))}", then)
    return ok("table", f"{name} is {table['TableStatus']}")


def _table_name(function: _Function) -> str:
    name = function.variable(TABLE_NAME)
    if not name:
        raise NotThere(f"{function.name} has no variable {TABLE_NAME}", "tofu apply")
    return name


def _ttl(account: Account, function: _Function) -> Checked:
    name = _table_name(function)
    answer = account.read("dynamodb", "describe_time_to_live", TableName=name)
    found = answer["TimeToLiveDescription"]
    attribute = found.get("AttributeName")
    if found["TimeToLiveStatus"] in {"ENABLED", "ENABLING"} and attribute == TTL:
        return ok("ttl", f"expired rows of {name} are deleted")
    words = f"expired rows of {name} are never deleted: its time to live is not on for {TTL}"
    setting = f"--time-to-live-specification Enabled=true,AttributeName={TTL}"
    return wrong("ttl", words, f"aws dynamodb update-time-to-live --table-name {name} {setting}")


def _later(account: Account, function: _Function) -> Generator[Checked, None, None]:
    """Yield the checks of the queue that brings notes back to the function, if there is one."""
    url = function.variable(LATER_QUEUE_URL)
    if not url:
        words = "off: no join is watched, and a waiting host is closed after ten silent minutes"
        yield warning("later", words, "later = { enabled = true } of the module; tofu apply")
        return
    try:
        queue = _attributes(account, url)
    except NotThere:
        yield wrong("later", f"the function's queue {url} does not exist", "tofu apply")
        return
    except NotRead as error:
        yield wrong("later", error.words, error.then)
        return
    yield _read("later", lambda: _mapping(account, queue))
    yield _read("dead letters", lambda: _dead_letters(account, queue))


def _attributes(account: Account, url: str) -> dict[str, str]:
    answer = account.read("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"])
    return dict(answer["Attributes"])


def _mapping(account: Account, queue: dict[str, str]) -> Checked:
    arn = queue["QueueArn"]
    answer = account.read("lambda", "list_event_source_mappings", EventSourceArn=arn)
    found = answer["EventSourceMappings"]
    lost = "no join is watched, and lobbies get no keepalive"
    name = arn.rpartition(":")[2]
    if not found:
        return wrong("later", f"no function gets the notes of {name}: {lost}", "tofu apply")
    if all(each.get("State") in {"Disabled", "Disabling"} for each in found):
        then = f"aws lambda update-event-source-mapping --uuid {found[0]['UUID']} --enabled"
        return wrong("later", f"the notes of {name} are switched off: {lost}", then)
    return ok("later", f"{name} brings notes back to the function")


def _dead_letters(account: Account, queue: dict[str, str]) -> Checked:
    policy = json.loads(queue.get("RedrivePolicy") or "{}")
    arn = policy.get("deadLetterTargetArn")
    if arn is None:
        words = "a note that fails is tried until it expires: the queue has no dead-letter queue"
        return wrong("dead letters", words, "tofu apply")
    name = arn.rpartition(":")[2]
    url = account.read("sqs", "get_queue_url", QueueName=name)["QueueUrl"]
    count = int(_attributes(account, url)["ApproximateNumberOfMessages"])
    if count:
        words = f"{name} has {count} {'note' if count == 1 else 'notes'} whose work failed"
        return wrong("dead letters", words, "docs/deploy.md, alarm later")
    return ok("dead letters", f"{name} is empty")


def _log(account: Account, function: _Function) -> Checked:
    logging = function.configuration.get("LoggingConfig") or {}
    name = logging.get("LogGroup") or f"/aws/lambda/{function.name}"
    answer = account.read("logs", "describe_log_groups", logGroupNamePrefix=name)
    group = next((each for each in answer["logGroups"] if each["logGroupName"] == name), None)
    if group is None:
        words = f"there is no log group {name}: the reason of a failure is lost"
        return wrong("log", words, "tofu apply")
    days = group.get("retentionInDays")
    if days is None:
        then = f"aws logs put-retention-policy --log-group-name {name} --retention-in-days 14"
        return warning("log", f"{name} is kept for ever, and its price grows", then)
    return ok("log", f"{name} is kept for {days} days")
