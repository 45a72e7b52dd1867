"""rest.py: an HTTP client of the record API for the cases."""
import http.client
import json
import urllib.parse

from web import Answer

JSON, PATCH, LINES = "application/json", "application/merge-patch+json", "application/x-ndjson"
API = "/api/v1"


def tell(node, method, path, body=None, type=None, **headers):
    """One request, one answer. body: bytes as they are, else JSON of it; a list with type LINES: one line each."""
    if isinstance(body, list) and type == LINES:
        body = "".join(line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) + "\n" for line in body)
    elif body is not None and not isinstance(body, (bytes, str)):
        body = json.dumps(body, ensure_ascii=False)
    if isinstance(body, str):
        body = body.encode()
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        headers["Content-Type"] = type or (PATCH if method == "PATCH" else JSON)
    connection = http.client.HTTPConnection("127.0.0.1", node.http_port, timeout=120)
    try:
        try:
            connection.request(method, path if path.startswith("/") else f"{API}/{path}", body, headers)
        except BrokenPipeError:
            pass  # it was answered before the body was through
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()


def put(node, path, body, **headers):
    return tell(node, "PUT", path, body, **headers)


def patch(node, path, body, **headers):
    return tell(node, "PATCH", path, body, **headers)


def get(node, path, **query):
    query = {name: value for name, value in query.items() if value is not None}
    return tell(node, "GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))


def batch(node, kind, lines):
    """The lines of the answer, read."""
    answer = tell(node, "POST", kind, lines, LINES)
    assert (answer.status, answer.type) == (200, LINES), answer.body
    return [json.loads(line) for line in answer.body.decode().splitlines()]


def errors(answer, status=400):
    """{member: why} of a problem."""
    assert (answer.status, answer.type) == (status, "application/problem+json"), (answer.status, answer.body)
    said = answer.json()
    assert said["status"] == status and said["detail"]
    for one in said["errors"]:
        assert one["why"] and any("\u4e00" <= letter <= "\u9fff" for letter in one["chinese"]), one
    return {one["member"]: one["why"] for one in said["errors"]}
