"""web.py: an HTTP client for the cases: one request, one answer."""
import http.client
import json
import struct
import urllib.parse


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, {k.lower(): v for k, v in headers}, body

    def json(self):
        return json.loads(self.body)

    @property
    def type(self):
        return self.headers.get("content-type", "").split(";")[0]


def ask(node, path, method="GET", host="127.0.0.1", **headers):
    connection = http.client.HTTPConnection(host, node.http_port, timeout=60)
    try:
        connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()


def wado(node, one, method="GET", headers=None, **more):
    query = {"requestType": "WADO", "studyUID": one.study, "seriesUID": one.series, "objectUID": one.uid, **more}
    query = {name: value for name, value in query.items() if value is not None}
    return ask(node, "/wado?" + urllib.parse.urlencode(query), method, **(headers or {}))


def jpeg_size(body):
    """(rows, columns, components) from the frame header of a JPEG."""
    assert body[:2] == b"\xff\xd8" and body[-2:] == b"\xff\xd9", body[:16]
    at = 2
    while body[at] == 0xFF:
        marker, length = body[at + 1], struct.unpack_from(">H", body, at + 2)[0]
        if marker in (0xC0, 0xC1, 0xC2):
            return struct.unpack_from(">xHHB", body, at + 4)
        at += 2 + length
    raise AssertionError("no frame header")
