#!/usr/bin/python3
"""Measures this node beside DCMTK's storescp and dcmqrscp and Debian's Orthanc, and writes build/bench/report.md.

tools/bench.sh prepares everything and calls this; docs/performance.md says how to read what comes out. Servers take turns
within each round, on empty folders of the same disk; each gets the same bytes from the same client. Nothing is deleted
before the end: what ext4 does after deletions is not what is to be measured.
"""
import argparse
import atexit
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

import deliveries
import messages

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/release"
HZ = os.sysconf("SC_CLK_TCK")
CT_SEED, SMALL_SEED = 1, 2


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def bench(*args, check=True):
    done = subprocess.run([BUILD / "bench", *map(str, args)], capture_output=True, text=True, timeout=1800)
    if done.returncode and check:
        sys.exit(f"bench {' '.join(map(str, args))}\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else None


# ---- the servers ----


class Server:
    """One server on a folder of its own; `sync` says what it has done when it says success."""
    name = aet = sync = ""
    finds = gets = moves = False
    wado = None

    def __init__(self, folder, sink=None, settings=()):
        self.settings = settings
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.http, self.sink = free_port(), free_port(), sink or free_port()

    def start(self):
        """Seconds from the start of the process to the first answered C-ECHO."""
        self.prepare()
        echo = subprocess.Popen([BUILD / "bench", "echo", "-w", "60", "127.0.0.1", str(self.port), self.aet],
                                stdout=subprocess.PIPE, text=True)
        time.sleep(0.05)
        begun = time.monotonic()
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            env={**os.environ, "TCP_NODELAY": "1"}, start_new_session=True)
        atexit.register(self.stop)  # whatever ends this program
        answer = echo.communicate()[0]
        if echo.returncode:
            sys.exit(f"{self.name} does not answer; see {self.folder}/log")
        return json.loads(answer)["at"] - begun

    def prepare(self):
        pass

    def stop(self):
        atexit.unregister(self.stop)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)  # children that serve an association each
        except ProcessLookupError:
            pass

    def cpu(self):
        """Seconds of processor time so far, with children, whether they have ended or not."""
        ticks = 0
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(") ", 1)[1].split()
            except OSError:
                continue
            if int(fields[2]) == self.process.pid:
                ticks += sum(map(int, fields[11:15]))
        return ticks / HZ

    def memory_mb(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text())[1]) / 1024

    def ask(self, what, *options, more=()):
        return bench(what, *options, "127.0.0.1", self.http if what == "http" else self.port, self.aet, *more)


class Own(Server):
    name, aet = "yingqiao", "YINGQIAO"
    sync = "file fsync with its name (beyond ext4, XFS, btrfs: and its folder), index fdatasync (WAL, synchronous=FULL), before success"
    finds = gets = moves = True
    wado = "/wado"

    def prepare(self):
        if not (self.folder / "conf/peers.json").exists():
            subprocess.run([BUILD / "yingqiao", "ae", "add", "SINK", "127.0.0.1", str(self.sink), "--data", self.folder],
                           check=True, capture_output=True)

    def command(self):
        return [BUILD / "yingqiao", "serve", "--data", self.folder, "--set", f"dicom.port={self.port}", "--set",
                f"http.port={self.http}", "--set", "dicom.unknown_peers=accept", "--set", "log.level=warn",
                *(part for setting in self.settings for part in ("--set", setting))]


class Orthanc(Server):
    name, aet = "Orthanc", "ORTHANC"
    sync = "file fdatasync before success; index WAL, synchronous=NORMAL: synced at checkpoints only"
    finds = gets = moves = True
    wado = "/wado"

    def prepare(self):
        plugins = [path for path in ("/usr/share/orthanc/plugins/libOrthancDicomWeb.so",
                                     "/usr/share/orthanc/plugins/libOrthancGdcm.so") if os.path.exists(path)]
        (self.folder / "orthanc.json").write_text(json.dumps({
            "StorageDirectory": str(self.folder / "db"), "IndexDirectory": str(self.folder / "db"), "HttpPort": self.http,
            "DicomPort": self.port, "DicomAet": self.aet, "AuthenticationEnabled": False, "RemoteAccessAllowed": False,
            "DicomAlwaysAllowFind": True, "DicomAlwaysAllowGet": True, "DicomAlwaysAllowMove": True,
            "DefaultEncoding": "Utf8", "MaximumPduLength": 131072, "Plugins": plugins,
            "DicomModalities": {"sink": ["SINK", "127.0.0.1", self.sink]},
            "DicomWeb": {"Enable": True, "EnableWado": True, "WadoRoot": "/wado", "Root": "/dicom-web/"}}))

    def command(self):
        return ["Orthanc", self.folder / "orthanc.json"]


class Storescp(Server):
    name, aet = "storescp", "ANY-SCP"
    sync = "none, and no index"

    def prepare(self):
        (self.folder / "in").mkdir(exist_ok=True)

    def command(self):
        return ["storescp", "-q", "--fork", "+xa", "--bit-preserving", "-pdu", "131072", "-dhl", "-od", self.folder / "in",
                str(self.port)]


class Dcmqrscp(Server):
    name, aet = "dcmqrscp", "DCMQR"
    sync = "none"
    gets = moves = True

    def prepare(self):
        (self.folder / "db").mkdir(exist_ok=True)
        (self.folder / "qr.cfg").write_text(
            f"NetworkTCPPort = {self.port}\nMaxPDUSize = 131072\nMaxAssociations = 64\n"
            f"HostTable BEGIN\nsink = (SINK, localhost, {self.sink})\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
            f"AETable BEGIN\n{self.aet} {self.folder}/db RW (500, 4096mb) ANY\nAETable END\n")

    def command(self):
        return ["dcmqrscp", "-q", "-c", self.folder / "qr.cfg", "-dhl", str(self.port)]


SERVERS = [Own, Orthanc, Storescp, Dcmqrscp]

# ---- what came out ----


class Results:
    """Values by (what, who), one a round."""

    def __init__(self, path):
        self.path, self.values = path, {}

    def add(self, what, who, value):
        self.values.setdefault((what, who), []).append(value)
        with open(self.path, "a") as file:
            file.write(json.dumps({"what": what, "who": who, "value": value}) + "\n")

    def median(self, what, who):
        values = self.values.get((what, who))
        return statistics.median(values) if values else None

    def ratio(self, what, one, other):
        """Median of the ratios within each round: what drifts over the run drifts for both."""
        pairs = list(zip(self.values.get((what, one), []), self.values.get((what, other), [])))
        return statistics.median(a / b for a, b in pairs) if pairs else None

    def spread(self, what, who):
        values = self.values[(what, who)]
        return f"{min(values):.3g}-{max(values):.3g}"


def number(value):
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


# ---- the measurements ----


def measure_store(run, results):
    """525 KB CT images into empty servers, and the floor."""
    shape = ["-n", 4, "-m", 2, "-k", run.images // 8]
    for round_ in range(run.rounds + 1):  # the first one warms up
        for parallel in (1, 4):
            what = f"store {parallel}"
            folder = run.place(f"floor-{round_}-{parallel}")
            folder.mkdir()
            done = bench("floor", "-a", parallel, "-r", run.images, folder)
            if round_:
                results.add(what, "floor", done["per_s"])
                results.add(what + " cpu", "floor", 1e3 * done["cpu_s"] / done["count"])
            for kind in SERVERS:
                server = kind(run.place(f"store-{round_}-{parallel}-{kind.name}"))
                server.start()
                before = server.cpu()
                done = server.ask("store", "-a", parallel, *shape)
                time.sleep(0.2)  # children end
                cpu = server.cpu() - before
                server.stop()
                if round_:
                    results.add(what, kind.name, done["per_s"])
                    results.add(what + " p95", kind.name, done["p95_ms"])
                    results.add(what + " cpu", kind.name, 1e3 * cpu / done["count"])
                    results.add(what + " client", kind.name, 1e3 * done["client_cpu_s"] / done["count"])
                    results.add(what + " refused", kind.name, done["refused"])
        say(f"store: round {round_} of {run.rounds}")


def measure_retrieve(run, results):
    shape = ["-n", 1, "-m", 2, "-k", run.images // 8]
    sink = free_port()
    servers = [kind(run.place(f"retrieve-{kind.name}"), sink) for kind in SERVERS if kind.gets]
    for server in servers:
        server.start()
        server.ask("store", "-a", 2, *shape)
    time.sleep(1.5)  # a node that was just told of a peer knows it
    for round_ in range(run.rounds + 1):
        for server in servers:
            measured = {"C-GET": server.ask("get", *shape, "-r", 2)["per_s"],
                        "C-MOVE": server.ask("move", *shape, "-r", 2, "-d", sink)["per_s"]}
            if server.wado:
                for parallel in (1, 8):
                    measured[f"WADO {parallel}"] = server.ask("http", *shape, "-a", parallel, "-w", run.seconds,
                                                              more=[server.wado])["per_s"]
            for what, value in measured.items():
                if round_:
                    results.add(what, server.name, value)
        say(f"retrieve: round {round_} of {run.rounds}")
    for server in servers:
        server.stop()


QUERIES = {  # "#" stands for the number of a study, another one each time
    "accession number": "AccessionNumber=A2#",
    "patient id": "PatientID=P#",
    "study date (a day)": "StudyDate=20190304",
    "study date (a month)": "StudyDate=20190301-20190331",
    "name 张* (4 % of all)": "PatientName=*=张*",
    "pinyin zhang^wei*": "PatientName=ZHANG^WEI*",
    "a name that is not there": "PatientName=NOBODY^AT ALL",
}


def measure_catalog(run, results):
    """A catalog of many small studies: queries, start, memory, and whether storing becomes slower with it."""
    small = ["-s", SMALL_SEED, "-n", run.studies, "-x", 16]
    servers = [kind(run.place(f"catalog-{kind.name}")) for kind in SERVERS if kind.finds]
    for server in servers:
        server.start()
        say(f"{server.name}: storing {run.studies} studies")
        done = server.ask("store", "-a", 4, *small)
        results.add("small", server.name, done["per_s"])
        server.stop()
    for round_ in range(run.rounds):
        for server in servers:
            results.add("start with the catalog", server.name, 1e3 * server.start())
            results.add("idle memory with the catalog", server.name, server.memory_mb())
            if round_ + 1 < run.rounds:
                server.stop()
    for query, key in QUERIES.items():
        for server in servers:
            done = server.ask("find", "-r", 300, "-w", run.seconds * 2, "-s", SMALL_SEED, "-n", run.studies // 2, more=[key])
            results.add(f"find {query} p50", server.name, done["p50_ms"])
            results.add(f"find {query} p95", server.name, done["p95_ms"])
            results.add(f"find {query} rows", server.name, done["rows"])
        say(f"find: {query}")
    for server in servers[1:]:
        server.stop()
    own, fresh = servers[0], Own(run.place("fresh"))
    results.add("start", fresh.name, 1e3 * fresh.start())
    results.add("idle memory", fresh.name, fresh.memory_mb())
    for round_ in range(run.rounds):
        shape = ["-s", 100 + round_, "-n", 2, "-m", 2, "-k", run.images // 8]
        pair = [("full", own), ("empty", fresh)]
        for who, server in pair if round_ % 2 else reversed(pair):
            results.add("aging", who, server.ask("store", "-a", 4, *shape)["per_s"])
    fresh.stop()
    own.stop()


def timed(*command):
    begun = time.monotonic()
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return time.monotonic() - begun


def measure_house(run, results):
    """import and reindex against reading the files."""
    source, data = run.place("files"), run.place("imported")
    source.mkdir()
    bench("make", "-s", 50, "-n", 4, "-m", 2, "-k", run.images // 8, source)
    count = run.images // 8 * 8
    for _ in range(run.rounds):
        shutil.rmtree(data, ignore_errors=True)
        results.add("import", "yingqiao", count / timed(BUILD / "yingqiao", "import", "--data", data, source))
        results.add("reindex", "yingqiao", count / timed(BUILD / "yingqiao", "reindex", "--data", data))
        results.add("read", "files", count / timed("sh", "-c", f"find '{data}/objects' -type f -exec cat {{}} + >/dev/null"))
    small = run.place("catalog-yingqiao")
    if small.exists():
        results.add("reindex small", "yingqiao", timed(BUILD / "yingqiao", "reindex", "--data", small))


def measure_messages(run, results):
    messages.measure(run, results, Own, free_port)


def measure_deliveries(run, results):
    deliveries.measure(run, results, BUILD, Own)


PICTURES = [  # name, corpus, connections, WADO-URI of ours, path of Orthanc's (None: the same)
    ("CT 512x512", "ct", (1, 8), "", None),
    ("CT, JPEG lossless", "jpl", (1, 8), "", None),
    ("CT, JPEG-LS", "jls", (1, 8), "", None),
    ("CT, JPEG 2000", "j2k", (1, 8), "", None),
    ("CT, JPEG 2000, to 128", "j2k", (1, 8), "&rows=128&columns=128", "?viewport=128,128"),
    ("CT, to 128", "ct", (1, 8), "&rows=128&columns=128", "?viewport=128,128"),
    ("DX 3000x3000", "dx", (1, 8), "", None),
    ("DX, to 1024", "dx", (1, 8), "&rows=1024&columns=1024", "?viewport=1024,1024"),
]
CORPORA = {  # what compresses native files, and the shape: many small ones, a few large ones
    "ct": (None, ["-s", 61, "-n", 2, "-m", 1, "-k", 150]),
    "jpl": (["dcmcjpeg", "+e1"], ["-s", 62, "-n", 2, "-m", 1, "-k", 50]),
    "jls": (["dcmcjpls"], ["-s", 63, "-n", 2, "-m", 1, "-k", 50]),
    "j2k": (["gdcmconv", "--j2k"], ["-s", 64, "-n", 2, "-m", 1, "-k", 50]),
    "dx": (None, ["-s", 65, "-n", 2, "-m", 1, "-k", 6, "-x", 3000]),
}
RENDERED = "/dicom-web/studies/{study}/series/{series}/instances/{object}/rendered"


def make_corpus(run, name):
    """A folder of files, compressed by other people's tools."""
    compress, shape = CORPORA[name]
    folder = run.place("corpus-" + name)
    folder.mkdir()
    bench("make", *shape, folder)
    for path in sorted(folder.rglob("*.dcm")) if compress else ():
        subprocess.run([*compress, path, path.with_suffix(".out")], check=True, capture_output=True)
        path.with_suffix(".out").rename(path)
    return folder


def measure_pictures(run, results):
    """Rendered JPEG at quality 90 over WADO-URI; scaled ones by Orthanc's DICOMweb, whose WADO-URI does not scale."""
    folders = [make_corpus(run, name) for name in CORPORA]
    # Each picture is made anew: what is kept from before would only measure the disk.
    servers = [Own(run.place("pictures-yingqiao"), settings=["cache.megabytes=0"]), Orthanc(run.place("pictures-Orthanc"))]
    for server in servers:
        server.start()
        for folder in folders:
            subprocess.run(["dcmsend", "-dn", "-aec", server.aet, "+sd", "+r", "-q", "127.0.0.1", str(server.port), str(folder)],
                           check=True, capture_output=True)
    for round_ in range(run.rounds + 1):
        for name, corpus, connections, ask, other in PICTURES:
            shape = CORPORA[corpus][1]
            for parallel in connections:
                what = f"picture {name} {parallel}"
                for server in servers:
                    more = [server.wado, "contentType=image/jpeg" + ask]
                    if other and server.name == "Orthanc":
                        more = [RENDERED + other]
                    before = server.cpu()
                    done = server.ask("http", *shape, "-a", parallel, "-w", run.seconds, more=more)
                    if round_:
                        results.add(what, server.name, done["per_s"])
                        results.add(what + " cpu", server.name, 1e3 * (server.cpu() - before) / done["count"])
        for name, side in (("CT 512x512", 512), ("DX 3000x3000", 3000)):
            done = bench("draw", "-w", run.seconds, "-x", side)
            if round_:
                results.add(f"picture {name} 1", "floor", done["per_s"])
        say(f"pictures: round {round_} of {run.rounds}")
    for server in servers:
        results.add("picture memory", server.name, server.memory_mb())
    own = servers[0]
    for count in (1000, run.requests):
        shape = CORPORA["ct"][1]
        own.ask("http", *shape, "-a", 8, "-w", 600, "-r", count, more=[own.wado, "contentType=image/jpeg"])
        results.add(f"picture memory after {count}", own.name, own.memory_mb())
    for server in servers:
        server.stop()


def measure_records(run, results):
    """Exams and reports by the walk that every door uses; lookups among them."""
    for number, threads, together in ((run.records, 4, 100), (run.records // 10, 8, 1)):
        folder = run.place(f"records-{threads}-{together}")
        folder.mkdir()
        done = subprocess.run([BUILD / "bench_records", folder, str(number), str(threads), str(together)],
                              capture_output=True, text=True, timeout=3600, check=True)
        found = json.loads(done.stdout)
        what = f"records, {together} at once"
        results.add(what, "yingqiao", found["per_second"])
        results.add(f"{what}: memory before", "yingqiao", found["mb_before"])
        results.add(f"{what}: memory after", "yingqiao", found["mb_after"])
        for look in ("by_id", "by_accession", "by_patient"):
            for part in ("p50", "p99"):
                results.add(f"{what}: {look} {part}", "yingqiao", found[f"{look}_us"][part])
        say(f"records: {done.stdout.strip()}")


# ---- the report ----


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "| --- " * len(head) + "|"] +
                     ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def report_store(results, out):
    for parallel in (1, 4):
        what = f"store {parallel}"
        if not results.median(what, "yingqiao"):
            continue
        rows = []
        for who in ["floor"] + [kind.name for kind in SERVERS]:
            sync = next((kind.sync for kind in SERVERS if kind.name == who), "write, fdatasync, rename: no network, no index")
            of_floor = results.ratio(what, who, "floor")
            refused = sum(results.values.get((what + " refused", who), [0]))
            sync += f"; refused {refused} instances" if refused else ""
            rows.append([who, number(results.median(what, who)), results.spread(what, who),
                         number(results.median(what + " p95", who)), number(results.median(what + " cpu", who)),
                         "-" if of_floor is None else f"{100 * of_floor:.0f} %",
                         number(results.ratio(what, "yingqiao", who)) if who != "yingqiao" else "1", sync])
        out.append(f"## C-STORE, 525 KB CT, {parallel} association{'s' * (parallel > 1)}\n")
        out.append(table(["", "per s", "min-max", "p95 ms", "CPU ms each", "of the floor", "we are ... times as fast",
                          "durable before success"], rows))


def report_rest(results, out):
    rows = []
    for what in ("C-GET", "C-MOVE", "WADO 1", "WADO 8"):
        if results.median(what, "yingqiao"):
            rows.append([what] + [number(results.median(what, who)) for who in ("yingqiao", "Orthanc", "dcmqrscp")] +
                        [number(results.ratio(what, "yingqiao", "Orthanc"))])
    if rows:
        out.append("## Out: 525 KB CT per s (PDUs of 128 KB; WADO: stored objects over 1 and 8 connections)\n")
        out.append(table(["", "yingqiao", "Orthanc", "dcmqrscp", "times Orthanc"], rows))
    rows = []
    for query in QUERIES:
        row = [query]
        for who in ("yingqiao", "Orthanc"):
            row += [number(results.median(f"find {query} {part}", who)) for part in ("rows", "p50", "p95")]
        rows.append(row + [number(results.ratio(f"find {query} p50", "Orthanc", "yingqiao"))])
    if results.median(f"find {query} p50", "yingqiao"):
        out.append("## C-FIND at study level, ms on an open association\n")
        out.append(table(["", "rows", "p50", "p95", "Orthanc: rows", "p50", "p95", "times as fast"], rows))


def report_pictures(results, out):
    rows = []
    for name, _, connections, _, _ in PICTURES:
        for parallel in connections:
            what = f"picture {name} {parallel}"
            if results.median(what, "yingqiao"):
                floor = results.ratio(what, "floor", "yingqiao")
                rows.append([name, str(parallel)] + [number(results.median(what, who)) for who in ("yingqiao", "Orthanc")] +
                            [number(results.median(what + " cpu", who)) for who in ("yingqiao", "Orthanc")] +
                            [number(results.ratio(what, "yingqiao", "Orthanc")), number(floor)])
    if not rows:
        return
    out.append("## Pictures: JPEG of quality 90, per s, over many instances\n")
    out.append(table(["", "connections", "yingqiao", "Orthanc", "CPU ms each", "Orthanc's", "times Orthanc",
                      "the floor is ... times as fast"], rows))
    flat = [f"{what.removeprefix('picture memory')} {number(values[0])} MB" for (what, who), values in results.values.items()
            if what.startswith("picture memory") and who == "yingqiao"]
    out.append(f"Memory of yingqiao after the rounds{', then'.join(flat)} more CT pictures; of Orthanc after the rounds "
               f"{number(results.median('picture memory', 'Orthanc'))} MB.\n")


def report_house(results, out):
    rows = []
    for what, who, unit in (("start", "yingqiao", "ms to the first echo, empty"),
                            ("start with the catalog", "yingqiao", "ms to the first echo, with the catalog"),
                            ("start with the catalog", "Orthanc", "ms to the first echo, with the catalog"),
                            ("idle memory", "yingqiao", "MB, empty"),
                            ("idle memory with the catalog", "yingqiao", "MB, with the catalog"),
                            ("idle memory with the catalog", "Orthanc", "MB, with the catalog"),
                            ("small", "yingqiao", "studies of one small image stored per s, 4 associations"),
                            ("small", "Orthanc", "studies of one small image stored per s, 4 associations"),
                            ("aging", "empty", "CT per s, 4 associations, into an empty catalog"),
                            ("aging", "full", "CT per s, 4 associations, into the large catalog"),
                            ("import", "yingqiao", "CT files imported per s"),
                            ("reindex", "yingqiao", "CT files reindexed per s"),
                            ("read", "files", "CT files that cat reads per s"),
                            ("reindex small", "yingqiao", "s to reindex the large catalog")):
        if results.median(what, who) is not None:
            rows.append([who, number(results.median(what, who)), results.spread(what, who), unit])
    out.append("## Start, memory, files\n")
    out.append(table(["", "median", "min-max", ""], rows))
    aging = results.ratio("aging", "full", "empty")
    if aging:
        out.append(f"Into the large catalog {100 * aging:.0f} % of the rate into an empty one.\n")


def report_records(results, out):
    rows = []
    for together, how in ((100, "batches of 100 from 4 threads"), (1, "one at a time from 8 threads")):
        what = f"records, {together} at once"
        if results.median(what, "yingqiao"):
            rows.append([how] + [number(results.median(part, "yingqiao")) for part in (
                what, f"{what}: memory before", f"{what}: memory after", f"{what}: by_id p50", f"{what}: by_id p99",
                f"{what}: by_accession p50", f"{what}: by_accession p99", f"{what}: by_patient p99")])
    if rows:
        out.append("## Records: exams and reports of 2 KB, durable\n")
        out.append(table(["", "per s", "MB before", "MB after", "by id, us: p50", "p99", "by accession: p50", "p99",
                          "by patient: p99"], rows))


def report_messages(results, out):
    rows = [["HL7 messages (orders, reports) made into records per s, 1 connection", "HL7, 1"],
            ["the same, 8 connections", "HL7, 8"], ["ms of processor a message, 8 connections", "HL7 cpu, 8"],
            ["MB of memory after them", "HL7 memory"]]
    rows = [[text, number(results.median(what, "yingqiao")), results.spread(what, "yingqiao")] for text, what in rows
            if results.median(what, "yingqiao") is not None]
    if rows:
        out.append("## Records by HL7\n")
        out.append(table(["", "median", "min-max"], rows))


def report_deliveries(results, out):
    rows = []
    for couriers in (1, 2, 8):
        what = f"deliveries, {couriers} couriers"
        if results.median(what, "yingqiao"):
            rows.append([str(couriers)] + [number(results.median(part, "yingqiao")) for part in (
                what, f"{what}: cpu", f"{what}: kB", f"{what}: longest pause", f"{what}: MB before", f"{what}: MB after")])
    if rows:
        out.append("## Sealed deliveries: exams and their reports to a platform on loopback that takes everything\n")
        out.append(table(["couriers", "per s", "ms of processor each", "kB each", "longest pause, ms", "MB before", "MB after"], rows))


def machine():
    model = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) // 1048576
    where = subprocess.run(["stat", "-f", "-c", "%T", ROOT / "build"], capture_output=True, text=True).stdout.strip()
    return f"{os.cpu_count()} x {model[1] if model else 'processor'}, {memory} GB, {where}, Linux {os.uname().release}"


def touch_memory(gigabytes):
    """A virtual machine gets its memory page by page, slowly, when it is first used."""
    subprocess.run([sys.executable, "-c", f"import mmap\nm = mmap.mmap(-1, {gigabytes} << 30)\n"
                    "for at in range(0, len(m), 4096): m[at] = 1"], check=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two minutes: fewer rounds, a small catalog")
    parser.add_argument("--only", default="store,retrieve,pictures,catalog,house,records,messages,deliveries",
                        help="store,retrieve,pictures,catalog,house,records,messages,deliveries")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--studies", type=int, help="of the large catalog")
    run = parser.parse_args()
    run.rounds = run.rounds or (2 if run.quick else 5)
    run.studies = run.studies or (4000 if run.quick else 100000)
    run.images, run.seconds = (240, 1) if run.quick else (800, 2)
    run.records = 10000 if run.quick else 100000
    run.exams = 2000 if run.quick else 5000
    run.requests = 10000 if run.quick else 100000
    out = ROOT / "build/bench"
    out.mkdir(parents=True, exist_ok=True)
    work = out / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    run.place = lambda name: work / name
    raw = out / "results.jsonl"
    raw.write_text("")
    results = Results(raw)
    touch_memory(max(1, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES") >> 31))
    begun = time.monotonic()
    for name in run.only.split(","):
        globals()["measure_" + name](run, results)
    lines = [f"# Measured\n\n{machine()}; {run.rounds} rounds, medians; ratios are medians of the ratios within a round. "
             f"The large catalog has {run.studies} studies. TCP_NODELAY on for every server. {(time.monotonic() - begun) / 60:.0f} minutes.\n"]
    report_store(results, lines)
    report_rest(results, lines)
    report_pictures(results, lines)
    report_house(results, lines)
    report_records(results, lines)
    report_messages(results, lines)
    report_deliveries(results, lines)
    (out / "report.md").write_text("\n".join(lines))
    shutil.rmtree(work, ignore_errors=True)
    print("\n".join(lines))
    say(f"written to {out / 'report.md'}")


main()
