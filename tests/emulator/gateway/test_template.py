"""Templates of SAM, CloudFormation and CDK become the configuration of an API."""

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import msgspec
import pytest

from poker_signal.emulator.gateway.config import as_toml, read_config
from poker_signal.emulator.gateway.template import SAM as TRANSFORM
from poker_signal.emulator.gateway.template import (
    BadTemplate,
    Deployment,
    Template,
    read_template,
)

HERE = Deployment("eu-west-1", "123456789012", "api7")

SAM = """
    Transform: AWS::Serverless-2016-10-31
    Parameters:
      TableName: { Type: String, Default: connections }
      Kind: { Type: String, Default: dev }
      Secret: { Type: String }
    Conditions:
      IsProduction: !Equals [!Ref Kind, prod]
    Globals:
      Function: { Runtime: nodejs20.x, CodeUri: src/, MemorySize: 256 }
    Resources:
      Ws:
        Type: AWS::ApiGatewayV2::Api
        Properties:
          Name: chat
          ProtocolType: WEBSOCKET
          RouteSelectionExpression: ${request.body.message}
      ConnectRoute:
        Type: AWS::ApiGatewayV2::Route
        Properties:
          ApiId: !Ref Ws
          RouteKey: $connect
          AuthorizationType: CUSTOM
          AuthorizerId: !Ref Guard
          Target: !Join ['/', ['integrations', !Ref Integration]]
      SendRoute:
        Type: AWS::ApiGatewayV2::Route
        Properties:
          ApiId: !Ref Ws
          RouteKey: send
          RouteResponseSelectionExpression: $default
          Target: !Sub integrations/${Integration}
      OnlyInProduction:
        Type: AWS::ApiGatewayV2::Route
        Condition: IsProduction
        Properties: { ApiId: !Ref Ws, RouteKey: other, Target: nothing }
      Integration:
        Type: AWS::ApiGatewayV2::Integration
        Properties:
          ApiId: !Ref Ws
          IntegrationType: AWS_PROXY
          TimeoutInMillis: 5000
          IntegrationUri: !Sub
            arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Chat.Arn}/invocations
      Guard:
        Type: AWS::ApiGatewayV2::Authorizer
        Properties:
          ApiId: !Ref Ws
          AuthorizerType: REQUEST
          IdentitySource: [route.request.querystring.token]
          AuthorizerUri: !Sub arn:x/${Auth.Arn}/invocations
      Stage:
        Type: AWS::ApiGatewayV2::Stage
        Properties: { ApiId: !Ref Ws, StageName: !Ref Kind, StageVariables: { a: b } }
      Table:
        Type: AWS::DynamoDB::Table
        Properties:
          TableName: !Ref TableName
          AttributeDefinitions:
            - { AttributeName: id, AttributeType: S }
            - { AttributeName: at, AttributeType: N }
          KeySchema:
            - { AttributeName: id, KeyType: HASH }
            - { AttributeName: at, KeyType: RANGE }
          GlobalSecondaryIndexes:
            - IndexName: byTime
              KeySchema: [{ AttributeName: at, KeyType: HASH }]
              Projection: { ProjectionType: ALL }
          TimeToLiveSpecification: { AttributeName: expires, Enabled: true }
      Chat:
        Type: AWS::Serverless::Function
        Properties:
          Handler: app.handler
          Timeout: 7
          Environment:
            Variables:
              TABLE: !Ref Table
              URL: !Sub https://${Ws}.execute-api.${AWS::Region}.amazonaws.com/${Stage}
              CHILD: !GetAtt Child.Arn
              SECRET: !Ref Secret
              MODE: !If [IsProduction, hard, soft]
      Child:
        Type: AWS::Serverless::Function
        Properties: { Handler: child.handler, CodeUri: child, FunctionName: the-child }
      Auth:
        Type: AWS::Serverless::Function
        Properties: { Handler: auth.handler, Runtime: python3.12 }
      Unused:
        Type: AWS::Serverless::Function
        Properties: { Handler: unused.handler }
      Open:
        Type: AWS::Serverless::Function
        Properties:
          Handler: open.handler
          Environment: { Variables: { SHARED: !ImportValue shared } }
      Inline:
        Type: AWS::Serverless::Function
        Properties: { Handler: index.handler, InlineCode: "pass" }
      Queue: { Type: AWS::SQS::Queue }
"""

CONFIG: dict[str, Any] = {
    "route_selection_expression": "$request.body.message",
    "stage": "dev",
    "stage_variables": {"a": "b"},
    "functions": {
        "Chat": {
            "handler": "app.handler",
            "code": "src/",
            "runtime": "nodejs20.x",
            "memory_mb": 256,
            "timeout": 7.0,
            "environment": {
                "TABLE": "connections",
                "URL": "https://api7.execute-api.eu-west-1.amazonaws.com/dev",
                "CHILD": "arn:aws:lambda:eu-west-1:123456789012:function:the-child",
                "SECRET": "s3cret",
                "MODE": "soft",
            },
        },
        "the-child": {
            "handler": "child.handler",
            "code": "child",
            "runtime": "nodejs20.x",
            "memory_mb": 256,
            "timeout": 3.0,
        },
        "Auth": {
            "handler": "auth.handler",
            "code": "src/",
            "runtime": "python3.12",
            "memory_mb": 256,
            "timeout": 3.0,
        },
        "Unused": {
            "handler": "unused.handler",
            "code": "src/",
            "runtime": "nodejs20.x",
            "memory_mb": 256,
            "timeout": 3.0,
        },
    },
    "routes": {
        "$connect": {"function": "Chat", "integration_timeout": 5.0},
        "send": {"function": "Chat", "two_way": True, "integration_timeout": 5.0},
    },
    "authorizer": {"function": "Auth", "identity_sources": ["route.request.querystring.token"]},
    "tables": {
        "connections": {
            "key": "id",
            "sort_key": "at:N",
            "indexes": {"byTime": {"key": "at:N"}},
            "ttl": "expires",
        }
    },
}


def read(tmp_path: Path, text: str, env: str | None = None) -> Template:
    """Write a template, and maybe a file of values; read them."""
    file = tmp_path / "template.yaml"
    file.write_text(textwrap.dedent(text))
    values = tmp_path / "local.env"
    if env is not None:
        values.write_text(env)
    return read_template(file, None if env is None else values, HERE)


def test_a_sam_template_has_routes_functions_tables_and_stage(tmp_path: Path) -> None:
    """The functions behind the routes come along, and all others that can run."""
    template = read(tmp_path, SAM, "# comment\n\nexport Secret='s3cret'\n")
    assert msgspec.to_builtins(template.config) == CONFIG
    assert template.folder == tmp_path
    assert template.notes == [
        "function Open is left out: SHARED of Open (Fn::ImportValue shared) is left open, "
        "see --env",
        'function Inline is left out: Inline: its code is in no folder, but {"ZipFile": "pass"}',
        "Queue (AWS::SQS::Queue) is not made",
    ]
    # --print-config shows what --config reads.
    (tmp_path / "api.toml").write_text(as_toml(template.config))
    assert read_config(tmp_path / "api.toml") == template.config


def test_what_is_left_open_is_listed(tmp_path: Path) -> None:
    """The name in the list is the one that --env takes."""
    says = r"left open: SECRET of Chat \(Secret\)\. Give each as NAME="
    with pytest.raises(BadTemplate, match=says):
        read(tmp_path, SAM)
    named = read(tmp_path, SAM, "SECRET=1").config.functions["Chat"].environment["SECRET"]
    assert named == "1"


def cdk(uri: Any, **more: Any) -> dict[str, Any]:
    """Return a template as CDK writes it."""
    return {
        "Resources": {
            "Api": {
                "Type": "AWS::ApiGatewayV2::Api",
                "Properties": {
                    "ProtocolType": "WEBSOCKET",
                    "RouteSelectionExpression": "$request.body.action",
                },
            },
            "Route": {
                "Type": "AWS::ApiGatewayV2::Route",
                "Properties": {
                    "ApiId": {"Ref": "Api"},
                    "RouteKey": "$default",
                    "Target": {"Fn::Join": ["", ["integrations/", {"Ref": "Integration"}]]},
                },
            },
            "Integration": {
                "Type": "AWS::ApiGatewayV2::Integration",
                "Properties": {"IntegrationType": "AWS_PROXY", "IntegrationUri": uri, **more},
            },
            "F0": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Code": {"S3Bucket": "b", "S3Key": "k"},
                    "Handler": "index.handler",
                    "Runtime": "nodejs20.x",
                    "Layers": ["x"],
                },
                "Metadata": {"aws:asset:path": "asset.1a2b"},
            },
        }
    }


ARN = {"Fn::Join": ["", ["arn:x:functions/", {"Fn::GetAtt": ["F0", "Arn"]}, "/invocations"]]}


def test_a_folder_of_cdk_has_one_stack_with_an_api(tmp_path: Path) -> None:
    """Assets are the code; another stack without an API does not disturb."""
    (tmp_path / "Other.template.json").write_text('{"Resources": {}}')
    (tmp_path / "Chat.template.json").write_text(json.dumps(cdk(ARN)))
    template = read_template(tmp_path, None, HERE)
    function = template.config.functions["F0"]
    assert (function.code, function.handler) == ("asset.1a2b", "index.handler")
    assert template.notes == ["the Layers of F0 are left out: install what they hold where it runs"]
    (tmp_path / "Second.template.json").write_text(json.dumps(cdk(ARN)))
    with pytest.raises(BadTemplate, match=r"several stacks with an API \(Chat.*Second.*name one"):
        read_template(tmp_path, None, HERE)


API = "Type: AWS::ApiGatewayV2::Api, Properties: { ProtocolType: WEBSOCKET }"
REFUSED = {
    "not-there": (None, "No such file"),
    "not-yaml": ("a: [", "neither YAML nor JSON"),
    "no-template": ("a: 1", "it has no Resources"),
    "no-api": ("Resources: {}", "no WebSocket API"),
    "two-apis": (f"Resources: {{ A: {{ {API} }}, B: {{ {API} }} }}", r"2 WebSocket APIs \(A, B\)"),
    "no-code": (
        "Transform: AWS::Serverless-2016-10-31\nResources:\n"
        "  F: { Type: AWS::Serverless::Function, Properties: { Handler: a.b } }\n"
        f"  A: {{ {API} }}",
        "F: CodeUri is null, not a folder",
    ),
    "image": (
        "Transform: AWS::Serverless-2016-10-31\nResources:\n"
        "  F: { Type: AWS::Serverless::Function, Properties: { PackageType: Image } }\n",
        "F: a container image is not run",
    ),
    "vtl": (json.dumps(cdk(ARN, IntegrationType="AWS")), "IntegrationType AWS is not emulated"),
    "elsewhere": (json.dumps(cdk("arn:aws:x")), "its URI names no Lambda function"),
    "key": (
        json.dumps(cdk(ARN)).replace('"RouteKey"', '"ApiKeyRequired": true, "RouteKey"'),
        "Route: an API key is not emulated",
    ),
    "iam": (
        json.dumps(cdk(ARN)).replace('"RouteKey"', '"AuthorizationType": "AWS_IAM", "RouteKey"'),
        "AuthorizationType AWS_IAM is not emulated",
    ),
    "in-s3": (json.dumps(cdk(ARN)).replace("aws:asset", "x"), "F0: its code is in no folder, but"),
    "open": (
        json.dumps(cdk(ARN)).replace('"$default"', '{"Fn::ImportValue": "shared"}'),
        "Fn::ImportValue shared is left open; give it as NAME=VALUE in --env FILE",
    ),
}


@pytest.mark.parametrize(("text", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_followed_is_refused_by_name(
    tmp_path: Path, text: str | None, says: str
) -> None:
    """The message names the resource; nothing is ignored."""
    file = tmp_path / "template.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(BadTemplate, match=says):
        read_template(file, None, HERE)


def test_a_line_that_is_no_assignment_is_named(tmp_path: Path) -> None:
    """The file and the line are in the message."""
    with pytest.raises(BadTemplate, match=r"local\.env:2: not NAME=VALUE"):
        read(tmp_path, SAM, "A=1\nB\n")


WS_API = """
Resources:
  Ws: {Type: 'AWS::ApiGatewayV2::Api', Properties: {ProtocolType: WEBSOCKET}}
"""
ALIASES = "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]\n" for n in range(7))
HOSTILE = {
    "aliases": f"a0: &a0 [x]\n{ALIASES}{WS_API}",
    "loop of aliases": f"{WS_API}  T: &t {{Type: x, Properties: {{A: *t}}}}\n",
    "nested": "Resources: " + "[" * 400,
    "nested JSON": '{"Resources":' * 2000,
    "tag of Python": f"x: !!python/object/apply:os.system ['exit']\n{WS_API}",
    "no resource": f"{WS_API}  N:\n",
    "no resource of SAM": f"Transform: {TRANSFORM}\n{WS_API}  N:\n",
    "no globals": f"Transform: {TRANSFORM}\nGlobals: {{Function: [1]}}\n{WS_API}",
    "name of itself": WS_API
    + "  T: {Type: 'AWS::DynamoDB::Table', Properties: {TableName: !Ref T, KeySchema: []}}\n",
    "condition of itself": f"Conditions: {{A: {{Condition: A}}}}\n{WS_API}  T: {{Condition: A}}\n",
    "join": WS_API + "  S: {Type: 'AWS::ApiGatewayV2::Stage', Properties: {StageName: !Join 5}}\n",
    "properties": f"{WS_API}  S: {{Type: 'AWS::ApiGatewayV2::Stage', Properties: 5}}\n",
    "route": f"{WS_API}  R: {{Type: 'AWS::ApiGatewayV2::Route', Properties: {{ApiId: !Ref Ws}}}}\n",
    "include": WS_API
    + "  S: {Type: 'AWS::ApiGatewayV2::Stage', Properties: {StageName: !Include /etc/passwd}}\n",
    "memory": WS_API
    + "  F: {Type: 'AWS::Lambda::Function', Properties: {Code: x, MemorySize: .inf}}\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_template_is_one_error(name: str, tmp_path: Path) -> None:
    """Neither aliases nor shapes fill the memory or end in a traceback."""
    file = tmp_path / "template.yaml"
    file.write_text(HOSTILE[name])
    with pytest.raises(BadTemplate, match=re.escape(str(file))):
        read_template(file, None, HERE)
