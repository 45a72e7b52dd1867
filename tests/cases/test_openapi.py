"""The OpenAPI document: complete, sound, and every example in it runs against the node that serves it."""
import copy
import json
import re
import shutil
import subprocess
import urllib.parse

import pdfs
import pytest
from rest import tell
from web import ask

jsonschema = pytest.importorskip("jsonschema")
METHODS = ("put", "post", "patch", "get", "delete")  # in the order in which examples make sense


@pytest.fixture(scope="module")
def node(shared_nodes):
    return shared_nodes()


@pytest.fixture(scope="module")
def document(node):
    answer = ask(node, "/api/v1/openapi.json")
    assert (answer.status, answer.type) == (200, "application/json")

    def once(pairs):
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names)), names
        return dict(pairs)

    return json.loads(answer.body, object_pairs_hook=once)


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def resolve(document, thing):
    while "$ref" in thing:
        node = document
        for part in thing["$ref"].lstrip("#/").split("/"):
            node = node[part]
        thing = node
    return thing


def validator(document, schema):
    """The schema, with all the document's components beside it."""
    whole = copy.copy(schema)
    whole = {"allOf": [whole], "components": document["components"]}
    return jsonschema.Draft202012Validator(whole)


def complaints(document, schema, value):
    return [f"{list(error.absolute_path)}: {error.message[:300]}"
            for error in validator(document, schema).iter_errors(value)]


def test_it_is_sound(document):
    assert document["openapi"] == "3.1.0" and document["info"]["title"] and document["info"]["version"]
    for name, schema in document["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)

    def references(thing):
        if isinstance(thing, dict):
            if isinstance(thing.get("$ref"), str):
                assert resolve(document, thing)
            for one in thing.values():
                references(one)
        elif isinstance(thing, list):
            for one in thing:
                references(one)

    references(document)
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names)) and len(names) > 80
    for path, method, operation in operations(document):
        assert method in METHODS
        inside = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        assert inside == set(re.findall(r"{(\w+)}", path)), path
        assert operation["summary"] and operation["responses"]["default"]
        assert ("requestBody" in operation) == (method in ("put", "post", "patch"))


def test_every_member_of_the_model_is_in_it(node, document):
    kinds = ask(node, "/api/v1/model").json()["kinds"]
    assert len(kinds) >= 12
    for kind in kinds:
        model = ask(node, f"/api/v1/model/{kind['kind']}").json()
        assert len(model["members"]) == kind["count"]
        schema = document["components"]["schemas"]["".join(part.title() for part in kind["kind"].split("-"))]
        assert schema["title"] == kind["chinese"]
        properties = {name: one for name, one in schema["properties"].items() if name != "pdfBase64"}
        assert list(properties) == [member["name"] for member in model["members"]]
        for member in model["members"]:
            one = properties[member["name"]]
            assert one["title"] == member["chinese"] and one["type"]
            assert one.get("x-personal", False) == member["personal"]
            text = one["items"] if member["several"] and member["type"] != "list" else one
            if text.get("type") == "string" and member["length"]:
                assert text["maxLength"] == member["length"]
            for example in one.get("examples", []):
                assert not complaints(document, one, example), (kind, member)
            if member.get("dictionary"):
                assert ask(node, "/api/v1/dictionaries/" + member["dictionary"]).status == 200, member


def test_paths_are_those_of_the_routes(node, document):
    """What is in the document is there, and answers its methods."""
    for path, item in document["paths"].items():
        url = re.sub(r"{(\w+)}", "x", path)
        allowed = {method.strip().lower() for method in tell(node, "TRACE", url).headers["allow"].split(",")}
        assert set(item) == allowed - {"head", "options"}, path


def example_url(document, path, operation, query=True):
    asked = {}
    for one in operation["parameters"]:
        if one["in"] == "path":
            path = path.replace("{%s}" % one["name"], urllib.parse.quote(one["example"], safe=""))
        elif one["in"] == "query" and "example" in one and query:
            value = one["example"]
            asked[one["name"]] = str(value).lower() if isinstance(value, bool) else value
    return path + ("?" + urllib.parse.urlencode(asked) if asked else "")


def checked(document, operation, answer):
    """The answer is one that the document tells of."""
    told = resolve(document, operation["responses"].get(str(answer.status), operation["responses"]["default"]))
    assert str(answer.status) in operation["responses"], (operation["operationId"], answer.status, answer.body[:500])
    content = told["content"]
    assert answer.type in content, (operation["operationId"], answer.type)
    schema = content[answer.type].get("schema")
    if answer.type == "application/x-ndjson":
        values = [json.loads(line) for line in answer.body.decode().splitlines()]
        assert values
    else:
        values = [answer.json()] if schema else []
    for value in values:
        assert not complaints(document, schema, value), (operation["operationId"], answer.body[:800])


def run(node, document, path, method, operation, query=True):
    if "requestBody" not in operation:
        checked(document, operation, tell(node, method.upper(), example_url(document, path, operation, query)))
        return 1
    url, count = example_url(document, path, operation, query), 0
    for type, media in operation["requestBody"]["content"].items():
        if type == "application/pdf":
            body = pdfs.pdf()
        else:
            body = media["example"]
            if type != "application/x-ndjson":
                assert not complaints(document, media["schema"], body), operation["operationId"]
        checked(document, operation, tell(node, method.upper(), url, body, type))
        count += 1
    return count


def test_every_example_runs(node, document):
    count = 0
    for method in METHODS:
        for path, one, operation in sorted(operations(document), key=lambda one: len(one[0])):
            if one == method:
                with_cursor = run(node, document, path, method, operation)
                count += with_cursor
    assert count > 100


def test_filters_of_the_document_find_the_example(node, document):
    for path, method, operation in operations(document):
        if method != "get" or not operation["operationId"].startswith("list") or \
                path + "/{id}" not in document["paths"]:
            continue
        item = document["paths"][path + "/{id}"]["put"]
        run(node, document, path + "/{id}", "put", item)
        found = tell(node, "GET", example_url(document, path, operation).replace("problems=false", "problems=0"))
        assert [one["id"] for one in found.json()["items"]] == ["EXAMPLE-1"], (path, found.body)


def test_dictionaries(node):
    listed = ask(node, "/api/v1/dictionaries").json()["dictionaries"]
    assert len(listed) > 40
    for one in listed:
        whole = ask(node, "/api/v1/dictionaries/" + one["name"]).json()
        assert len(whole["terms"]) == one["count"]
    assert {"code": "1", "chinese": "男性"}.items() <= ask(node, "/api/v1/dictionaries/sex").json()["terms"][1].items()
    encoded = next(one["name"] for one in listed if "/" in one["name"]).replace("/", "%2F")
    assert ask(node, "/api/v1/dictionaries/" + encoded).status == 200
    assert ask(node, "/api/v1/dictionaries/nothing").status == 404
    assert ask(node, "/api/v1/model/nothing").status == 404


def test_the_page_for_people(node, document, tmp_path):
    answer = ask(node, "/api/v1/")
    page = answer.body.decode()
    assert (answer.status, answer.type) == (200, "text/html") and "<script" not in page
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for path in ("/api/v1/openapi.json", "/api/v1/{records}/{id}", "/api/v1/model/lab-device"):
        assert path in page
    browser = shutil.which("chromium")
    if not browser:
        pytest.skip("no browser")
    done = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/home",
                           "--dump-dom", f"{node.http}/api/v1/"], capture_output=True, text=True, timeout=120)
    assert "检验质控记录" in done.stdout and "openapi.json" in done.stdout
