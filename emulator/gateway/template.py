"""``--template FILE``: the API in a SAM or CloudFormation template, or in a ``cdk.out`` folder.

SAM's own translator makes CloudFormation of a SAM template. Of that, this module reads the
WebSocket API with its routes, integrations, authorizer and stage, the Lambda functions behind it
and the DynamoDB tables. The result is the same as that of ``--config``. A property that the
emulator cannot follow is an error that names it; resources that it does not have are notes.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cfn_flip
import msgspec

from poker_signal.core.base_error import PokerSignalError
from poker_signal.emulator.gateway.config import (
    ApiConfig,
    AuthorizerConfig,
    FunctionConfig,
    IndexConfig,
    RouteConfig,
    TableConfig,
    check,
)

SAM = "AWS::Serverless-2016-10-31"
DUMMY_CODE = "s3://bucket/key"
"""Deployment of a function's code for SAM's translator, which takes no folder."""

MAX_VALUES = 200_000
"""Most values of a template. CloudFormation takes a megabyte, which has fewer."""

DEFAULT_TIMEOUT_S = 3
"""Lambda's default."""

SILENT = ("AWS::IAM::", "AWS::Logs::", "AWS::CloudWatch::", "AWS::CDK::", "AWS::Lambda::Permission",
          "AWS::Lambda::Version", "AWS::Lambda::Alias", "AWS::ApiGatewayV2::",
          "AWS::ApiGateway::Account")  # fmt: skip
"""Types of resources that change nothing here, or are read with others."""


class BadTemplate(PokerSignalError):
    """A template that cannot be followed; the message names the resource and what to do."""


class Template(NamedTuple):
    """The API of a template."""

    config: ApiConfig
    folder: Path
    """Base of the functions' code."""
    notes: list[str]
    """Sentences about parts that the emulator does not have."""


class Deployment(NamedTuple):
    """The deployment for which a template is read."""

    region: str = "us-west-2"
    account_id: str = "123456789012"
    api_id: str = "pokerlocal"


class _Unresolved(Exception):
    """A value that only a deployment knows; the text is its name in ``--env``."""


def read_template(path: Path, env: Path | None, place: Deployment) -> Template:
    """Read a template; ``env`` has lines NAME=VALUE for parameters and what is left open.

    Raises:
        BadTemplate: a file is unreadable, or the template cannot be followed.
    """
    file = _file_of(path)
    given = {} if env is None else _read_env(env)
    try:
        text = file.read_text(encoding="utf-8")
        load = cfn_flip.load_json if text.lstrip().startswith("{") else cfn_flip.load_yaml
        loaded = load(text)
        _check_size(loaded)
        # CloudFormation's short forms become the long ones.
        document = json.loads(cfn_flip.dump_json(loaded))
    except OSError as error:
        raise BadTemplate(f"{file}: {error.strerror}") from error
    except BadTemplate as error:
        raise BadTemplate(f"{file}: {error}") from error
    except Exception as error:
        raise BadTemplate(f"{file}: neither YAML nor JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise BadTemplate(f"{file}: no template: it has no Resources")
    for name, resource in document["Resources"].items():
        if not isinstance(resource, dict) or not isinstance(resource.get("Properties", {}), dict):
            raise BadTemplate(f"{file}: {name} is no resource with Type and Properties")
    code: dict[str, str] = {}
    transforms = document.get("Transform", [])
    if SAM in (transforms if isinstance(transforms, list) else [transforms]):
        document = _translated(document, code, file, place)
    try:
        reader = _Reader(document, code, given, place)
        config = reader.config()
        check(config)
    except (BadTemplate, ValueError) as error:
        raise BadTemplate(f"{file}: {error}") from error
    except RecursionError as error:
        raise BadTemplate(f"{file}: a name or a condition depends on itself") from error
    except (ArithmeticError, AttributeError, LookupError, TypeError) as error:
        # Shapes are not checked one by one: CloudFormation refuses such a template.
        told = f"{type(error).__name__}: {error}"
        raise BadTemplate(f"{file}: a property is missing or has a wrong shape: {told}") from error
    return Template(config, file.parent, reader.notes)


def _check_size(document: Any) -> None:
    """Raise BadTemplate if a document has too many values, those of each alias included."""
    # Aliases of aliases make gigabytes of a kilobyte.
    values, count = [document], 0
    while values:
        value = values.pop()
        count += 1
        if isinstance(value, dict | list):
            values += value.values() if isinstance(value, dict) else value
        if count + len(values) > MAX_VALUES:
            raise BadTemplate(f"more than {MAX_VALUES} values, those of YAML's aliases included")


def _file_of(path: Path) -> Path:
    if not path.is_dir():
        return path
    files = sorted(path.glob("*.template.json"))
    having = [file for file in files if "AWS::ApiGatewayV2::Api" in file.read_text()]
    if len(having) == 1:
        return having[0]
    names = ", ".join(file.name for file in having or files) or "no *.template.json"
    found = "several stacks with an API" if having else "no stack with a WebSocket API"
    raise BadTemplate(f"{path}: {found} ({names}); name one file")


def _read_env(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadTemplate(f"{path} cannot be read: {error}") from error
    given = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.removeprefix("export ").partition("=")
        if not equals:
            raise BadTemplate(f"{path}:{number}: not NAME=VALUE")
        given[name.strip()] = value.strip().strip("\"'")
    return given


def _translated(document: Any, code: dict[str, str], file: Path, place: Deployment) -> Any:
    """Return a SAM template as CloudFormation; put the folders of functions into ``code``."""
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    everywhere = document.get("Globals") or {}
    shared = (everywhere.get("Function") or {}) if isinstance(everywhere, dict) else {}
    if not isinstance(shared, dict):
        raise BadTemplate(f"{file}: Globals: Function has no properties")
    for name, resource in document["Resources"].items():
        if resource.get("Type") != "AWS::Serverless::Function":
            continue
        own = resource.setdefault("Properties", {})
        if own.get("PackageType", shared.get("PackageType")) == "Image":
            raise BadTemplate(f"{file}: {name}: a container image is not run")
        if "InlineCode" in own:
            continue
        folder = own.get("CodeUri", shared.get("CodeUri"))
        if not isinstance(folder, str) or folder.startswith("s3:"):
            raise BadTemplate(f"{file}: {name}: CodeUri is {json.dumps(folder)}, not a folder")
        code[name], own["CodeUri"] = folder, DUMMY_CODE
    region: Any = type("Session", (), {"region_name": place.region})()
    try:
        translator = Translator({}, Parser(), boto_session=region)
        translated: Any = translator.translate(document, {"AWS::Region": place.region})
    except InvalidDocumentException as error:
        causes = "; ".join(cause.message for cause in error.causes) or str(error)
        raise BadTemplate(f"{file}: {causes}") from error
    except Exception as error:
        raise BadTemplate(f"{file}: SAM's translator fails: {error}") from error
    return translated


class _Reader:
    """Reader of a CloudFormation template."""

    def __init__(
        self, document: Any, code: Mapping[str, str], given: Mapping[str, str], place: Deployment
    ) -> None:
        self.notes: list[str] = []
        self._document, self._code, self._given, self._place = document, code, given, place
        self._resources: dict[str, dict[str, Any]] = {
            name: each
            for name, each in document["Resources"].items()
            if "Condition" not in each or self._condition(each["Condition"])
        }
        self._left_open: list[str] = []

    def config(self) -> ApiConfig:
        """Return the configuration of the API."""
        api_name, api = self._only_api()
        routes, authorizers = self._routes(api_name)
        authorizer = self._authorizer(authorizers)
        wanted = [route.function for route in routes.values()]
        wanted += [authorizer.function] if authorizer is not None else []
        functions = self._functions(wanted)
        stages = [each for _, each in self._of_type("AWS::ApiGatewayV2::Stage")]
        stage = stages[0] if stages else {}
        tables = {
            self._name_of(name): self._table(name, properties)
            for name, properties in self._of_type("AWS::DynamoDB::Table")
        }
        for name, resource in self._resources.items():
            type_ = str(resource.get("Type"))
            known = type_ in {"AWS::Lambda::Function", "AWS::DynamoDB::Table"}
            if not known and not type_.startswith(SILENT):
                self.notes.append(f"{name} ({type_}) is not made")
        if self._left_open:
            listed = "; ".join(dict.fromkeys(self._left_open))
            raise BadTemplate(f"left open: {listed}. Give each as NAME=VALUE in --env FILE")
        expression = str(self._value(api.get("RouteSelectionExpression", "$request.body.action")))
        return ApiConfig(
            functions=functions,
            routes=routes,
            route_selection_expression=re.sub(r"^\$\{(.*)\}$", r"$\1", expression),
            authorizer=authorizer,
            stage=self._text(stage.get("StageName")),
            stage_variables={
                name: str(self._value(value))
                for name, value in (stage.get("StageVariables") or {}).items()
            },
            tables=tables,
        )

    # Resources.

    def _of_type(self, type_: str) -> list[tuple[str, dict[str, Any]]]:
        return [
            (name, each.get("Properties") or {})
            for name, each in self._resources.items()
            if each.get("Type") == type_
        ]

    def _only_api(self) -> tuple[str, dict[str, Any]]:
        apis = [
            (name, each)
            for name, each in self._of_type("AWS::ApiGatewayV2::Api")
            if self._value(each.get("ProtocolType")) == "WEBSOCKET"
        ]
        if len(apis) != 1:
            names = ", ".join(name for name, _ in apis)
            words = f"{len(apis)} WebSocket APIs ({names}): the emulator has one" if apis else (
                "no WebSocket API (AWS::ApiGatewayV2::Api with ProtocolType WEBSOCKET)"
            )  # fmt: skip
            raise BadTemplate(words)
        return apis[0]

    def _routes(self, api: str) -> tuple[dict[str, RouteConfig], set[str]]:
        routes, authorizers = {}, set()
        for name, each in self._of_type("AWS::ApiGatewayV2::Route"):
            if self._reference(each.get("ApiId")) not in {api, None}:
                continue
            key, kind = str(self._value(each["RouteKey"])), each.get("AuthorizationType", "NONE")
            if kind not in {"NONE", "CUSTOM"} or each.get("ApiKeyRequired"):
                what = "an API key" if each.get("ApiKeyRequired") else f"AuthorizationType {kind}"
                raise BadTemplate(f"{name}: {what} is not emulated")
            if kind == "CUSTOM":
                authorizers.add(str(self._reference(each.get("AuthorizerId"))))
            target = self._reference(each.get("Target"))
            integration = (self._resources.get(str(target)) or {}).get("Properties")
            if integration is None:
                raise BadTemplate(f"{name}: Target names no integration of this template")
            if self._value(integration.get("IntegrationType")) != "AWS_PROXY":
                kind = self._value(integration.get("IntegrationType"))
                raise BadTemplate(
                    f"{target}: IntegrationType {kind} is not emulated, only AWS_PROXY"
                )
            milliseconds = integration.get("TimeoutInMillis")
            routes[key] = RouteConfig(
                function=self._function_in(integration.get("IntegrationUri"), str(target)),
                two_way="RouteResponseSelectionExpression" in each,
                integration_timeout=None
                if milliseconds is None
                else float(self._value(milliseconds)) / 1000,
            )
        return routes, authorizers

    def _authorizer(self, names: set[str]) -> AuthorizerConfig | None:
        if not names:
            return None
        (name, *others) = names
        properties = (self._resources.get(name) or {}).get("Properties")
        if others or properties is None:
            raise BadTemplate(f"authorizers {', '.join(names)}: one REQUEST authorizer is emulated")
        sources = self._value(properties.get("IdentitySource") or [])
        return AuthorizerConfig(
            function=self._function_in(properties.get("AuthorizerUri"), name),
            identity_sources=[sources] if isinstance(sources, str) else list(sources),
        )

    def _function_in(self, uri: Any, of: str) -> str:
        """Return the logical id of the function that a URI names."""
        named = [name for name in _names_in(uri) if self._type(name) == "AWS::Lambda::Function"]
        if not named:
            raise BadTemplate(f"{of}: its URI names no Lambda function of this template")
        return self._name_of(named[0])

    def _functions(self, wanted: Iterable[str]) -> dict[str, FunctionConfig]:
        """Return the functions of the API, and all others that can run: they may be invoked."""
        functions: dict[str, FunctionConfig] = {}
        for name, properties in self._of_type("AWS::Lambda::Function"):
            left_open = len(self._left_open)
            try:
                function = self._function(name, properties)
            except BadTemplate as error:
                if self._name_of(name) in wanted:
                    raise
                self.notes.append(f"function {name} is left out: {error}")
                continue
            if len(self._left_open) > left_open and self._name_of(name) not in wanted:
                words = "; ".join(self._left_open[left_open:])
                self.notes.append(f"function {name} is left out: {words} is left open, see --env")
                del self._left_open[left_open:]
                continue
            functions[self._name_of(name)] = function
        return functions

    def _function(self, name: str, properties: dict[str, Any]) -> FunctionConfig:
        metadata = self._resources[name].get("Metadata") or {}
        code = self._code.get(name) or metadata.get("aws:asset:path") or properties.get("Code")
        if not isinstance(code, str):
            raise BadTemplate(f"{name}: its code is in no folder, but {json.dumps(code)[:80]}")
        if "Layers" in properties:
            self.notes.append(
                f"the Layers of {name} are left out: install what they hold where it runs"
            )
        variables = (properties.get("Environment") or {}).get("Variables") or {}
        concurrency = properties.get("ReservedConcurrentExecutions")
        return FunctionConfig(
            handler=str(self._value(properties.get("Handler", "bootstrap"))),
            code=code,
            runtime=self._text(properties.get("Runtime")),
            memory_mb=int(self._value(properties.get("MemorySize", 128))),
            timeout=float(self._value(properties.get("Timeout", DEFAULT_TIMEOUT_S))),
            concurrency=max(int(self._value(concurrency)), 1) if concurrency is not None else 10,
            environment={
                variable: self._variable(name, variable, value)
                for variable, value in variables.items()
            },
        )

    def _variable(self, function: str, variable: str, value: Any) -> str:
        if variable in self._given:
            return self._given[variable]
        try:
            resolved = self._resolve(value)
        except _Unresolved as unresolved:
            self._left_open.append(f"{variable} of {function} ({unresolved})")
            return ""
        return _as_text(resolved)

    def _table(self, name: str, properties: dict[str, Any]) -> TableConfig:
        value: Any = self._value(properties)
        types = {
            each["AttributeName"]: each["AttributeType"]
            for each in value.get("AttributeDefinitions") or []
        }
        if "LocalSecondaryIndexes" in value:
            raise BadTemplate(f"{name}: LocalSecondaryIndexes are not emulated, only global ones")

        def keys(schema: list[dict[str, str]]) -> dict[str, str]:
            found = {}
            for each in schema:
                attribute = each["AttributeName"]
                kind = types.get(attribute, "S")
                member = "key" if each["KeyType"] == "HASH" else "sort_key"
                found[member] = attribute if kind == "S" else f"{attribute}:{kind}"
            return found

        lifetime = value.get("TimeToLiveSpecification") or {}
        return TableConfig(
            **keys(value["KeySchema"]),
            indexes={
                each["IndexName"]: IndexConfig(**keys(each["KeySchema"]))
                for each in value.get("GlobalSecondaryIndexes") or []
            },
            ttl=lifetime.get("AttributeName") if _is_true(lifetime.get("Enabled")) else None,
        )

    # Values.

    def _type(self, name: str) -> str | None:
        return (self._resources.get(name) or {}).get("Type")

    def _name_of(self, logical_id: str) -> str:
        """Return the name of a function or a table: its own, or its logical id."""
        properties = self._resources[logical_id].get("Properties") or {}
        name = properties.get("FunctionName") or properties.get("TableName")
        try:
            return logical_id if name is None else str(self._resolve(name))
        except _Unresolved:
            return logical_id

    def _reference(self, value: Any) -> str | None:
        """Return the logical id of the first resource that a value names."""
        if isinstance(value, str):
            return value.rpartition("/")[2]
        return next((name for name in _names_in(value) if name in self._resources), None)

    def _text(self, value: Any) -> str | None:
        return None if value is None else str(self._value(value))

    def _value(self, value: Any) -> Any:
        """Return a value without intrinsic functions.

        Raises:
            BadTemplate: only a deployment knows it.
        """
        try:
            return self._resolve(value)
        except _Unresolved as unresolved:
            words = f"{unresolved} is left open; give it as NAME=VALUE in --env FILE"
            raise BadTemplate(words) from unresolved

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._resolve(each) for each in value if not self._is_no_value(each)]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._call(name, argument)
        return {
            name: self._resolve(each) for name, each in value.items() if not self._is_no_value(each)
        }

    def _is_no_value(self, value: Any) -> bool:
        return bool(value == {"Ref": "AWS::NoValue"})

    def _call(self, name: str, argument: Any) -> Any:
        functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._attribute,
            "Fn::Sub": self._substitute,
            "Fn::Join": lambda pair: str(pair[0]).join(map(str, self._resolve(pair[1]))),
            "Fn::Select": lambda pair: self._resolve(pair[1])[int(self._resolve(pair[0]))],
            "Fn::Split": lambda pair: str(self._resolve(pair[1])).split(pair[0]),
            "Fn::If": lambda args: self._resolve(args[1 if self._condition(args[0]) else 2]),
            "Fn::FindInMap": self._in_map,
        }
        if name not in functions:
            words = argument if isinstance(argument, str) else name
            if str(words) in self._given:
                return self._given[str(words)]
            raise _Unresolved(f"{name} {words}" if words != name else name)
        return functions[name](argument)

    def _ref(self, name: str) -> Any:
        place = self._place
        pseudo = {
            "AWS::Region": place.region,
            "AWS::AccountId": place.account_id,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": "local",
            "AWS::NoValue": "",
        }
        if name in self._given or name in pseudo:
            return self._given.get(name, pseudo.get(name))
        parameter = (self._document.get("Parameters") or {}).get(name)
        if isinstance(parameter, dict) and "Default" in parameter:
            return parameter["Default"]
        match self._type(name):
            case "AWS::Lambda::Function" | "AWS::DynamoDB::Table":
                return self._name_of(name)
            case "AWS::ApiGatewayV2::Api":
                return place.api_id
            case "AWS::ApiGatewayV2::Stage":
                return self._resolve(self._resources[name]["Properties"]["StageName"])
        raise _Unresolved(name)

    def _attribute(self, argument: Any) -> Any:
        name, _, attribute = argument.partition(".") if isinstance(argument, str) else (
            argument[0], "", argument[1]
        )  # fmt: skip
        place, full = self._place, f"{name}.{attribute}"
        if full in self._given:
            return self._given[full]
        match self._type(name), attribute:
            case "AWS::Lambda::Function", "Arn":
                where = f"arn:aws:lambda:{place.region}:{place.account_id}"
                return f"{where}:function:{self._name_of(name)}"
            case "AWS::DynamoDB::Table", "Arn":
                where = f"arn:aws:dynamodb:{place.region}:{place.account_id}"
                return f"{where}:table/{self._name_of(name)}"
            case "AWS::ApiGatewayV2::Api", "ApiEndpoint":
                return f"wss://{place.api_id}.execute-api.{place.region}.amazonaws.com"
            case "AWS::ApiGatewayV2::Api", "ApiId":
                return place.api_id
        raise _Unresolved(full)

    def _substitute(self, argument: Any) -> str:
        text, own = (argument, {}) if isinstance(argument, str) else argument

        def replaced(found: "re.Match[str]") -> str:
            name = found[1].strip()
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in own:
                return _as_text(self._resolve(own[name]))
            return _as_text(self._attribute(name) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^{}$]+)\}", replaced, text)

    def _in_map(self, argument: list[Any]) -> Any:
        value: Any = self._document.get("Mappings") or {}
        for each in argument:
            key = self._resolve(each)
            if not isinstance(value, dict) or key not in value:
                raise _Unresolved(f"Fn::FindInMap {key}")
            value = value[key]
        return value

    def _condition(self, value: Any) -> bool:
        """Return the value of a condition, by its name or as intrinsic functions."""
        if isinstance(value, str):
            return self._condition((self._document.get("Conditions") or {}).get(value, False))
        if not isinstance(value, dict) or len(value) != 1:
            return _is_true(value)
        ((name, argument),) = value.items()
        match name:
            case "Condition":
                return self._condition(argument)
            case "Fn::Equals":
                return bool(
                    _as_text(self._value(argument[0])) == _as_text(self._value(argument[1]))
                )
            case "Fn::Not":
                return not self._condition(argument[0])
            case "Fn::And":
                return all(map(self._condition, argument))
            case "Fn::Or":
                return any(map(self._condition, argument))
        raise BadTemplate(f"Conditions: {name} is not understood")


def _names_in(value: Any) -> list[str]:
    """Return the names of Ref, GetAtt and Sub in a value, at any depth."""
    if isinstance(value, list):
        return [name for each in value for name in _names_in(each)]
    if not isinstance(value, dict):
        return []
    names: list[str] = []
    for key, each in value.items():
        if key == "Ref":
            names.append(str(each))
        elif key == "Fn::GetAtt":
            names.append(str(each[0] if isinstance(each, list) else each.partition(".")[0]))
        elif key == "Fn::Sub":
            text, own = (each, {}) if isinstance(each, str) else each
            names += [found.partition(".")[0] for found in re.findall(r"\$\{([^!{}$]+)\}", text)]
            names += _names_in(own)
        else:
            names += _names_in(each)
    return names


def _is_true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
