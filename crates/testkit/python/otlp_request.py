"""Reads a request with metrics or log lines by the messages that OpenTelemetry publishes, and writes it as JSON.

Arguments: metrics or logs, and the file with the body; compressed where the third one is gzip.
"""

import gzip
import sys

from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

kind, path, encoding = sys.argv[1:]
with open(path, "rb") as file:
    body = file.read()
if encoding == "gzip":
    body = gzip.decompress(body)
request = {"metrics": ExportMetricsServiceRequest, "logs": ExportLogsServiceRequest}[kind]()
request.ParseFromString(body)
# A field that the messages do not have would be kept in silence.
request.DiscardUnknownFields()
assert request.ByteSize() == len(body), "there are fields of which nobody knows"
print(MessageToJson(request, preserving_proto_field_name=True))
