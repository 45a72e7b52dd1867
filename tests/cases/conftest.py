"""conftest.py: a running node and its clients, as the cases speak of them.

YQ_BINARY names the program (default: the newest of build/asan, build/debug, build/release). Every node runs in a
folder of its own on free ports, is stopped by SIGTERM, and must have left with exit code 0 and no sanitizer report.
"""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

import dul  # noqa: E402
import samples  # noqa: E402

sys.dont_write_bytecode = True


def find_binary():
    if os.environ.get("YQ_BINARY"):
        return os.environ["YQ_BINARY"]
    built = [path for path in (os.path.join(ROOT, "build", kind, "yingqiao") for kind in ("asan", "debug", "release"))
             if os.path.exists(path)]
    return max(built, key=os.path.getmtime) if built else os.path.join(ROOT, "build", "asan", "yingqiao")


BINARY = find_binary()  # where it is missing, starting it says so
SANITIZER_REPORT = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|: runtime error: |SUMMARY: \w+Sanitizer")


def sanitized(binary=BINARY):
    """Is it an ASan or TSan build? Then memory and speed mean nothing."""
    with open(binary, "rb") as file:
        program = file.read()
    return b"__asan_init" in program or b"__tsan_init" in program


KILL_AT = os.environ.get("YQ_KILL_AT", "")  # CTest sets it


def killing():
    """LD_PRELOAD with the library that kills; ASan's own has to stand before it."""
    with open(BINARY, "rb") as file:
        if b"__asan_init" not in file.read():
            return KILL_AT
    asan = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True).stdout.strip()
    return f"{os.path.realpath(asan)} {KILL_AT}"


def environment():
    env = dict(os.environ, LC_ALL="C.UTF-8", TZ="Asia/Shanghai")
    env["ASAN_OPTIONS"] = "detect_leaks=1:abort_on_error=1:disable_coredump=1:allocator_may_return_null=1"
    env["UBSAN_OPTIONS"] = "halt_on_error=1:print_stacktrace=1"
    env["TSAN_OPTIONS"] = f"halt_on_error=1:abort_on_error=1:suppressions={os.path.join(HERE, 'tsan.supp')}"
    return env


def wait_until(condition, seconds=30, what="", every=0.02):
    """The condition's value as soon as it is true. what: a text, or a function that makes it when it has failed."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what() if callable(what) else what}"
        time.sleep(every)


def free_ports(count):
    """Ports that were free a moment ago; all are held until all are known."""
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


class Completed:
    """What a command said."""

    def __init__(self, args, code, out, err):
        self.args, self.code, self.out, self.err = args, code, out, err

    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"{' '.join(map(str, self.args))} -> {self.code}\n{self.out}\n{self.err}"


def run(*args, timeout=300, env=None, cwd=None, input=None):
    args = [str(a) for a in args]
    done = subprocess.run(args, capture_output=True, text=True, errors="replace", timeout=timeout, cwd=cwd,
                          env=env or environment(), stdin=None if input else subprocess.DEVNULL,
                          input=input)
    return Completed(args, done.returncode, done.stdout, done.stderr)


def yingqiao(*args, data=None, code=0, **options):
    """The program's own commands. code: the exit code that is expected; None: any that is no crash."""
    folder = ["--data", str(data)] if data else []
    done = run(BINARY, *folder, *args, **options)
    assert not SANITIZER_REPORT.search(done.err), done
    assert (done.code in (0, 1, 2)) if code is None else (done.code == code), done
    return done


class Node:
    """A running `yingqiao serve`."""

    def __init__(self, folder, settings=None, binary=BINARY, conf=None, wait=True, data=None, user=None):
        self.folder = str(folder)
        self.data = str(data or os.path.join(self.folder, "data"))
        self.user = {"user": user, "group": user, "extra_groups": []} if user else {}
        self.log_path = os.path.join(self.folder, "node.log")
        self.binary, self.conf = binary, conf
        self.aet = "YQTEST"
        self.settings = {"dicom.aet": self.aet, "dicom.unknown_peers": "accept"}
        self.settings.update(settings or {})
        self.aet = self.settings["dicom.aet"]
        self.process = None
        self.start(wait)

    # ---- life ----

    def start(self, wait=True):
        """Another process may take a port between our asking for it and the node's: then other ports are tried."""
        for attempt in range(4):
            self.dicom_port, self.http_port, self.tls_port = free_ports(3)
            begun = len(self.log())  # in characters, as it is read
            args = [self.binary, "serve", "--data", self.data]
            if self.conf:
                args += ["--conf", self.conf]
            settings = {"dicom.port": self.dicom_port, "http.port": self.http_port, **self.settings}
            if settings.get("dicom.tls_port") == "free":
                settings["dicom.tls_port"] = self.tls_port
            for key, value in settings.items():
                args += ["--set", f"{key}={value}"]
            with open(self.log_path, "ab") as log:
                self.process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                env=environment(), cwd=os.path.dirname(self.data), **self.user)
            if not wait:
                return self
            if self.came_up(begun):
                return self
            if "in use" not in self.log()[begun:] or attempt == 3:
                break
        raise AssertionError(f"the node did not start: exit code {self.process.poll()}\n{self.log()[-4000:]}")

    def came_up(self, begun):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if re.search(r"\bserving aet=", self.log()[begun:]):
                return True
            if self.process.poll() is not None:
                return False
            time.sleep(0.02)
        return False

    port = property(lambda self: self.dicom_port)
    dicom = property(lambda self: self.dicom_port)
    http = property(lambda self: f"http://127.0.0.1:{self.http_port}")
    pid = property(lambda self: self.process.pid)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def log(self):
        try:
            with open(self.log_path, errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def wait_for_log(self, pattern, seconds=60):
        return wait_until(lambda: re.search(pattern, self.log()), seconds, f"{pattern} in\n{self.log()[-3000:]}")

    def stop(self, code=0):
        """SIGTERM; the node must go by itself, in order."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            left = self.process.wait(120)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the node did not stop within 120 s of SIGTERM\n{self.log()[-4000:]}")
        self.process = None
        report = SANITIZER_REPORT.search(self.log())
        assert not report, self.log()[max(0, report.start() - 500):report.start() + 6000]
        assert left == code, f"exit code {left}\n{self.log()[-4000:]}"

    def kill9(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def start_again(self, **settings):
        if self.process is not None:
            self.stop()
        self.settings.update({key.replace("__", "."): value for key, value in settings.items()})
        return self.start()

    # ---- commands of the program on this node's data ----

    def cli(self, *args, code=0, **options):
        return yingqiao(*args, data=self.data, code=code, **options)

    def ae_add(self, aet, host, port, *more):
        return self.cli("ae", "add", aet, host, port, *more)

    def configure(self, peers=None, forward=(), pull=()):
        """peers.json (when given) and rules.json of the running node; waits until it has taken them up."""
        folder = self.conf or os.path.join(self.data, "conf")
        if peers is not None:
            write_json(os.path.join(folder, "peers.json"), [{"host": "127.0.0.1", **one} for one in peers])
        write_json(os.path.join(folder, "rules.json"), {"forward": list(forward), "pull": list(pull)})
        for _ in range(2):  # the first may have been under way while we wrote
            begun = len(self.log())
            self.process.send_signal(signal.SIGHUP)
            wait_until(lambda: re.search(r"conf-reloaded|conf-kept", self.log()[begun:]), 20, "a reload")
        assert "conf-reloaded" in self.log()[begun:], self.log()[begun:]

    def queue(self, *options):
        """What `yingqiao queue list` says."""
        return self.cli("queue", "list", "--json", *options).json()

    def wait_for_queue(self, condition, seconds=60, *options):
        return wait_until(lambda: condition(self.queue(*options)), seconds, f"{self.queue('--all')}", every=0.2)

    def add_destination(self, aet, port, *more):
        """A peer on this machine that the running node may send to; waits until the node knows of it. Each title once:
        the node may for a moment still know an earlier one of that name."""
        self.ae_add(aet, "127.0.0.1", port, *more)
        nothing = samples.uid()
        wait_until(lambda: self.move("STUDY", aet, StudyInstanceUID=nothing)[-1].Status != 0xA801, 10,
                   f"the node does not know {aet}")

    def verify(self):
        """What `yingqiao verify` finds to complain about: exit code 0 means nothing."""
        done = self.cli("verify", code=None)
        return "no damage" if done.code == 0 else f"{done.out}\n{done.err}"

    # ---- the DICOM side ----

    def associate(self, contexts, calling="CASES", port=None, **options):
        return dul.Association(port or self.dicom_port, contexts, called=self.aet, calling=calling, **options)

    def echo(self, calling="CASES"):
        with self.associate([(dul.VERIFICATION, [dul.IMPLICIT])], calling) as association:
            return association.echo()

    def send(self, *things, aet="CASES"):
        """Sends instances, or files by path, over as few associations as their presentation contexts allow. A list
        of statuses, in order."""
        instances = [thing if isinstance(thing, samples.Instance) else samples.load(thing) for thing in flat(things)]
        statuses = [None] * len(instances)
        for group in by_contexts(instances):
            contexts = sorted({(instances[n].sop_class, instances[n].syntax) for n in group})
            with self.associate([(a, [t]) for a, t in contexts], aet) as association:
                for n in group:
                    one = instances[n]
                    statuses[n] = association.store(one.sop_class, one.uid, one.raw, one.syntax).Status
        return statuses

    def storescu(self, *paths, aet="STORESCU", options=()):
        return run("storescu", "-aet", aet, "-aec", self.aet, *options, "127.0.0.1", self.dicom_port, *flat(paths))

    def find(self, level, root="study", aet="CASES", syntax=dul.IMPLICIT, charset=None, extended=None, **keys):
        """The matches of a C-FIND as pydicom datasets. A key of None is asked for without being matched."""
        return self.find_all(level, root, aet, syntax, charset, extended, **keys)[0]

    def find_all(self, level, root="study", aet="CASES", syntax=dul.IMPLICIT, charset=None, extended=None, **keys):
        """(matches, final answer)"""
        abstract = dul.FIND[root]
        extended = {abstract: extended} if extended else None
        with self.associate([(abstract, [syntax])], aet, extended=extended) as association:
            association.ask(dul.C_FIND, abstract, identifier(level, charset, **keys))
            *pending, final = association.answers()
            return [dul.decode_dataset(one.dataset, syntax) for one in pending], final

    def get(self, level, syntaxes=None, classes=(samples.CT,), root="study", aet="CASES", on_store=None, **keys):
        """C-GET with our own client: ([(sop instance, transfer syntax, dataset bytes)], all answers). syntaxes: per
        class, what we take, best first."""
        abstract = dul.GET[root]
        contexts = [(abstract, [dul.IMPLICIT])] + [(one, list(syntaxes or [dul.EXPLICIT])) for one in classes]
        got = []
        with self.associate(contexts, aet, roles=classes) as association:
            def store(message):
                got.append((message.AffectedSOPInstanceUID, association.syntax(message.context), message.dataset))
                return on_store(message) if on_store else 0
            association.ask(dul.C_GET, abstract, identifier(level, **keys))
            answers = list(association.answers(store))
        return got, answers

    def get_one(self, one):
        """The stored dataset bytes of an instance in its own transfer syntax, by C-GET; None when it does not come."""
        got, _ = self.get("IMAGE", [one.syntax], [one.sop_class], StudyInstanceUID=one.study,
                          SeriesInstanceUID=one.series, SOPInstanceUID=one.uid)
        return got[0][2] if len(got) == 1 and got[0][:2] == (one.uid, one.syntax) else None

    def move(self, level, destination, root="study", aet="CASES", **keys):
        """All answers to a C-MOVE."""
        abstract = dul.MOVE[root]
        with self.associate([(abstract, [dul.IMPLICIT])], aet) as association:
            association.ask(dul.C_MOVE, abstract, identifier(level, **keys), MoveDestination=destination)
            return list(association.answers())

    def movescu(self, destination, level, *keys, root="-S", options=()):
        args = [part for key in (f"QueryRetrieveLevel={level}", *keys) for part in ("-k", key)]
        return run("movescu", root, "-v", "-aet", "MOVESCU", "-aec", self.aet, "-aem", destination, *options, *args,
                   "127.0.0.1", self.dicom_port)

    def getscu(self, folder, level, *keys, root="-S", options=("+B",)):
        os.makedirs(folder, exist_ok=True)
        args = [part for key in (f"QueryRetrieveLevel={level}", *keys) for part in ("-k", key)]
        return run("getscu", root, "-v", "-aet", "GETSCU", "-aec", self.aet, "-od", folder, *options, *args,
                   "127.0.0.1", self.dicom_port)

    def count(self, **keys):
        """How many instances the node knows of a study."""
        level = "IMAGE"
        keys = {"StudyInstanceUID": None, "SeriesInstanceUID": None, "SOPInstanceUID": None, **keys}
        return len(self.find(level, extended=b"\1", **keys))

    # ---- the HTTP side ----

    def fetch(self, path):
        """GET: (status, headers, body)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=60)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def wado(self, one, content="application/dicom;transfer-syntax=*"):
        """The stored Part 10 file of an instance; None when it is not there (404), or no longer (410)."""
        status, _, body = self.fetch(f"/wado?requestType=WADO&studyUID={one.study}&seriesUID={one.series}"
                                     f"&objectUID={one.uid}&contentType={urllib.parse.quote(content, safe='')}")
        assert status in (200, 404, 410), (status, body[:300])
        return body if status == 200 else None

    def picture(self, uid_and_more):
        """An object as JPEG; None where it has no picture."""
        status, _, body = self.fetch(f"/wado?requestType=WADO&objectUID={uid_and_more}&contentType=image/jpeg")
        return body if status == 200 else None

    def health(self):
        status, _, body = self.fetch("/health")
        return status, json.loads(body)

    # ---- what is on its disk ----

    def objects(self):
        return files_below(os.path.join(self.data, "objects"))

    def staging(self):
        return files_below(os.path.join(self.data, "staging"))

    def open_files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def rss_kb(self):
        with open(f"/proc/{self.pid}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])

    def peak_kb(self):
        with open(f"/proc/{self.pid}/status") as file:
            return int(re.search(r"VmHWM:\s+(\d+)", file.read())[1])


def write_json(path, value):
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=2)
    os.replace(path + ".new", path)


def files_below(folder):
    return sorted(os.path.join(root, name) for root, _, names in os.walk(folder) for name in names)


def flat(things):
    for thing in things:
        if isinstance(thing, (list, tuple)):
            yield from flat(thing)
        else:
            yield thing


def by_contexts(instances):
    """Groups of indexes that need at most 128 presentation contexts each."""
    groups, group, contexts = [], [], set()
    for n, one in enumerate(instances):
        contexts.add((one.sop_class, one.syntax))
        if len(contexts) > 128:
            groups.append(group)
            group, contexts = [], {(one.sop_class, one.syntax)}
        group.append(n)
    return groups + [group] if group else groups


def identifier(level, charset=None, **keys):
    dataset = samples.Dataset()
    if charset:
        dataset.SpecificCharacterSet = charset
    if level:
        dataset.QueryRetrieveLevel = level
    for name, value in keys.items():
        setattr(dataset, name, value)
    return dataset


# ---- fixtures ----


@pytest.fixture
def nodes(tmp_path, request):
    """nodes(**settings) starts a node of its own; "__" in a name stands for the dot. All are stopped, and looked over,
    at the end."""
    started = []

    def begin(wait=True, conf=None, binary=BINARY, data=None, user=None, **settings):
        home = tmp_path / f"node{len(started)}"
        os.makedirs(home, exist_ok=True)
        settings = {key.replace("__", "."): value for key, value in settings.items()}
        node = Node(home, settings, binary, conf, wait, data, user)
        started.append(node)
        return node

    yield begin
    finish(started, getattr(request.node, "went_wrong", False))


@pytest.fixture(scope="module")
def shared_nodes(tmp_path_factory):
    """The same for a whole file: for cases that only look."""
    started = []

    def begin(conf=None, **settings):
        home = tmp_path_factory.mktemp("node")
        node = Node(home, {key.replace("__", "."): value for key, value in settings.items()}, conf=conf)
        started.append(node)
        return node

    yield begin
    finish(started)


def finish(started, keep=False):
    """Stops all, then says what was wrong with any. What they stored goes, unless somebody will want to look at it."""
    trouble = []
    for node in started:
        try:
            node.stop()
        except AssertionError as error:
            trouble.append(str(error))
    for node in started:
        if not trouble and not keep:
            shutil.rmtree(node.data, ignore_errors=True)
    assert not trouble, "\n".join(trouble)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    if report.failed:
        item.went_wrong = True


@pytest.fixture
def node(nodes):
    return nodes()


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """A folder with the project's own samples."""
    folder = tmp_path_factory.mktemp("demo")
    data = tmp_path_factory.mktemp("demo-data")
    yingqiao("demo", "--seed", "7", "--out", str(folder), data=data)
    return str(folder)


@pytest.fixture(scope="session")
def demo_files(demo):
    found = [path for path in files_below(demo) if os.path.basename(path) != "DICOMDIR"]
    assert found, "yingqiao demo made nothing"
    return found


@pytest.fixture(scope="session")
def testdata():
    folder = samples.testdata()
    if not folder:
        pytest.skip("no real test files: YQ_TESTDATA is not set and ../shared/testdata is not there")
    return folder


@pytest.fixture
def storescp(tmp_path):
    """storescp(*options) starts DCMTK's receiver, bit preserving unless told otherwise: (port, folder)."""
    running = []

    def begin(*options):
        folder = tmp_path / f"storescp{len(running)}"
        folder.mkdir()
        port, = free_ports(1)
        log = open(folder.with_suffix(".log"), "ab")
        process = subprocess.Popen(["storescp", "-od", str(folder), *(options or ("+B", "+xa")), str(port)],
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment())
        running.append(process)
        wait_until(lambda: listening(port), 20, "storescp")
        return port, str(folder)

    yield begin
    for process in running:
        process.kill()
        process.wait()


def listening(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def need_tool(name):
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")
