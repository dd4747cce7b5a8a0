"""AWS around handlers: DynamoDB, templates, credentials, and what the banner says of them."""

import textwrap
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.support.process import emulate

pytestmark = [pytest.mark.process, pytest.mark.aws]

HANDLER = """
    import os
    import boto3

    def handler(event, context):
        table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
        connection_id = event["requestContext"]["connectionId"]
        if event["requestContext"]["eventType"] == "CONNECT":
            assert os.environ["AWS_ACCESS_KEY_ID"] == "emulator"
            table.put_item(Item={"id": connection_id})
            sqs = boto3.client("sqs")
            sqs.create_queue(QueueName="q") if os.environ.get("AWS_ENDPOINT_URL") else None
        return {"statusCode": 200, "body": table.get_item(Key={"id": connection_id})["Item"]["id"]}
"""

TEMPLATE = """
    Transform: AWS::Serverless-2016-10-31
    Resources:
      Ws:
        Type: AWS::ApiGatewayV2::Api
        Properties: { ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action }
      Connect:
        Type: AWS::ApiGatewayV2::Route
        Properties: { ApiId: !Ref Ws, RouteKey: $connect, Target: !Sub 'integrations/${All}' }
      Default:
        Type: AWS::ApiGatewayV2::Route
        Properties:
          ApiId: !Ref Ws
          RouteKey: $default
          RouteResponseSelectionExpression: $default
          Target: !Sub integrations/${All}
      All:
        Type: AWS::ApiGatewayV2::Integration
        Properties:
          ApiId: !Ref Ws
          IntegrationType: AWS_PROXY
          IntegrationUri: !Sub arn:x/functions/${Chat.Arn}/invocations
      Stage: { Type: AWS::ApiGatewayV2::Stage, Properties: { ApiId: !Ref Ws, StageName: Prod } }
      Rows:
        Type: AWS::Serverless::SimpleTable
        Properties: { PrimaryKey: { Name: id, Type: String } }
      Chat:
        Type: AWS::Serverless::Function
        Properties:
          Handler: app.handler
          Runtime: python3.12
          CodeUri: src
          Timeout: 20
          Environment: { Variables: { TABLE: !Ref Rows } }
"""


@pytest.mark.parametrize(
    "options",
    [(), pytest.param(("--aws", "moto"), marks=pytest.mark.nightly)],
    ids=["tables", "all-of-moto"],
)
def test_a_template_runs_with_its_tables_and_dummy_credentials(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Tables start moto; the banner says that the user's credentials were set aside."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text(textwrap.dedent(HANDLER))
    file = tmp_path / "template.yaml"
    file.write_text(textwrap.dedent(TEMPLATE))
    real = {"AWS_ACCESS_KEY_ID": "AKIAREAL", "AWS_SECRET_ACCESS_KEY": "secret"}
    with emulate("--port", "0", "--template", str(file), *options, **real) as served:
        assert served.url.endswith("/Prod")
        with connect(served.url) as client:
            client.send("hello")
            assert len(str(client.recv(timeout=30))) == 16
        served.process.terminate()
        _, told = served.process.communicate(timeout=30)
    assert "note: handlers get dummy credentials, not your AWS_ACCESS_KEY_ID, AWS_SEC" in told
    assert "playerId" not in told.partition("cold start")[0]
    assert "clients connect to" in told
