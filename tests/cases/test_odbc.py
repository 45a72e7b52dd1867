"""Records from RIS and LIS databases over ODBC: real PostgreSQL and MariaDB servers, started here by a user without
rights in a folder of their own, and SQLite's driver."""
import contextlib
import glob
import json
import os
import pwd
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time

import pytest
from conftest import free_ports, run, sanitized, wait_until, yingqiao

DRIVERS = "/usr/lib/x86_64-linux-gnu/odbc"
PG_BIN = max(glob.glob("/usr/lib/postgresql/*/bin"), default="/nonexistent")
KINDS = {"exam": 0, "report": 1, "lab": 2}
PDF = (b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
       b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n")


def driver(name):
    path = os.path.join(DRIVERS, name)
    if not os.path.exists(path):
        pytest.skip(f"the ODBC driver {name} is not installed")
    return path


def as_nobody():
    """Servers refuse to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


class Server:
    """A database server of this test's own."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="yqdb")
        os.chmod(self.folder, 0o755)
        if os.geteuid() == 0:
            shutil.chown(self.folder, "nobody")
        self.port, = free_ports(1)
        self.process = None
        self.prepare()
        self.start()

    def command(self, *args):
        done = subprocess.run([str(a) for a in args], capture_output=True, text=True, cwd=self.folder,
                              env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "Asia/Shanghai"},
                              **as_nobody())
        assert done.returncode == 0, done
        return done.stdout

    def spawn(self, *args):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.folder, env={"PATH": os.environ["PATH"], "TZ": "Asia/Shanghai"},
                                            start_new_session=True, **as_nobody())
        wait_until(self.answers, 60, "the database server")

    def answers(self):
        assert self.process.poll() is None, open(os.path.join(self.folder, "log")).read()
        with contextlib.suppress(AssertionError, OSError):
            self.sql("SELECT 1")
            return True
        return False

    def processes(self):
        """The server and its children, which may have process groups of their own."""
        found = [self.process.pid]
        for stat in glob.glob("/proc/[0-9]*/stat"):
            with contextlib.suppress(OSError), open(stat) as file:
                fields = file.read().rpartition(")")
                if int(fields[2].split()[1]) == self.process.pid:
                    found.append(int(fields[0].split()[0]))
        return found

    def signal(self, number):
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self):
        """As a power failure: all of its processes."""
        self.signal(signal.SIGKILL)
        self.process.wait()

    def freeze(self, frozen=True):
        self.signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def close(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Postgres(Server):
    quote = '"'

    def prepare(self):
        self.command(f"{PG_BIN}/initdb", "-D", "data", "-A", "trust", "-U", "ris", "-E", "UTF8", "--no-locale", "-N")

    def start(self):
        with contextlib.suppress(FileNotFoundError):
            os.remove(f"{self.folder}/data/postmaster.pid")
        self.spawn(f"{PG_BIN}/postgres", "-D", "data", "-c", "listen_addresses=127.0.0.1", "-c", f"port={self.port}", "-c",
                   f"unix_socket_directories={self.folder}", "-c", "fsync=off")

    def sql(self, text):
        done = subprocess.run(["psql", "-qAt", "-h", self.folder, "-p", str(self.port), "-U", "ris", "-v",
                               "ON_ERROR_STOP=1", "postgres"], input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def connection(self):
        return f"Driver={driver('psqlodbcw.so')};Server=127.0.0.1;Port={self.port};Database=postgres;UID=ris"


class Maria(Server):
    quote = "`"

    def prepare(self):
        self.command("mariadb-install-db", "--no-defaults", f"--datadir={self.folder}/data",
                     "--auth-root-authentication-method=normal", "--skip-test-db")

    def start(self):
        self.spawn("/usr/sbin/mariadbd", "--no-defaults", f"--datadir={self.folder}/data", f"--socket={self.folder}/s",
                   f"--port={self.port}", "--bind-address=127.0.0.1", f"--pid-file={self.folder}/pid",
                   "--character-set-server=utf8mb4")
        self.sql("CREATE DATABASE IF NOT EXISTS ris CHARACTER SET utf8mb4")

    def sql(self, text):
        done = subprocess.run(["mariadb", "--no-defaults", "--default-character-set=utf8mb4", "-N", "-S", f"{self.folder}/s", "-u", "root",
                               *([] if "SELECT 1" == text or "CREATE DATABASE" in text else ["ris"])],
                              input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def connection(self):
        return f"Driver={driver('libmaodbc.so')};Server=127.0.0.1;Port={self.port};Database=ris;UID=root"


@pytest.fixture(scope="module")
def postgres():
    if not os.path.exists(f"{PG_BIN}/initdb") or not shutil.which("psql"):
        pytest.skip("PostgreSQL's server is not installed")
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(scope="module")
def maria():
    if not os.path.exists("/usr/sbin/mariadbd") or not shutil.which("mariadb-install-db"):
        pytest.skip("MariaDB's server is not installed")
    server = Maria()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def leaks_of_drivers(tmp_path_factory, monkeypatch):
    """Drivers keep some bytes of their own for ever."""
    file = tmp_path_factory.mktemp("lsan") / "suppressions"
    file.write_text("leak:psqlodbc\nleak:libmaodbc\nleak:sqlite3odbc\nleak:libodbc\nleak:libpq\n")
    monkeypatch.setenv("LSAN_OPTIONS", f"suppressions={file}:print_suppressions=0")


class Ris:
    """A node that reads, and what it made of it."""

    def __init__(self, nodes, folder, **sources):
        self.folder, self.nodes = folder, nodes
        self.conf = folder / "data" / "conf"
        self.conf.mkdir(parents=True)
        self.node = None
        self.sources = {}
        self.configure(**sources)

    def configure(self, mapping=None, **sources):
        for name, source in sources.items():
            self.sources[name.replace("_", "-")] = source
        listed = [{"name": name, "type": "odbc", "seconds": 1, **source} for name, source in self.sources.items()
                  if source is not None]
        (self.conf / "mapping").mkdir(exist_ok=True)
        for name, lines in (mapping or {}).items():
            text = "kind,member,source,note\n" + "".join(
                ",".join([*line.split(",", 2)[:2], '"' + line.split(",", 2)[2].replace('"', '""') + '"', ""]) + "\n"
                for line in lines)
            (self.conf / "mapping" / f"{name}.csv").write_text(text)
        whole = self.conf / "sources.json.part"
        whole.write_text(json.dumps({"sources": listed}, ensure_ascii=False))
        whole.rename(self.conf / "sources.json")

    def start(self, **settings):
        self.node = self.nodes(data=self.folder / "data", **settings)
        return self.node

    def cli(self, *args, **options):
        return yingqiao(*args, data=self.folder / "data", **options)

    def status(self, source):
        done = self.cli("odbc", "status", source, "--json").json()
        return {**done["sources"][0], "rows_aside": done["aside"]}

    def catalog(self):
        return sqlite3.connect(f"file:{self.folder}/data/catalog.sqlite?mode=ro", uri=True, timeout=30)

    def records(self, kind):
        with contextlib.closing(self.catalog()) as db:
            rows = db.execute("SELECT r.name, r.version, v.content FROM record AS r JOIN record_version AS v ON v.record = "
                              "r.id AND v.version = r.version WHERE r.kind = ? AND r.removed = 0", (KINDS[kind],))
            return {name: {**json.loads(content), "@version": version} for name, version, content in rows}

    def count(self, kind):
        with contextlib.closing(self.catalog()) as db:
            return db.execute("SELECT count(*) FROM record WHERE kind = ?", (KINDS[kind],)).fetchone()[0]

    def wait_for(self, kind, count, seconds=60):
        wait_until(lambda: self.count(kind) >= count, seconds, f"{count} of {kind}", every=0.1)
        assert self.count(kind) == count
        return self.records(kind)

    def wait_for_value(self, kind, name, member, value, seconds=60):
        return wait_until(lambda: self.records(kind).get(name, {}).get(member) == value, seconds,
                          f"{name}.{member} = {value}: {self.records(kind).get(name)}\n{self.node.log()[-2000:]}", every=0.1)


@pytest.fixture
def ris(nodes, tmp_path):
    return lambda **sources: Ris(nodes, tmp_path / "ris", **sources)


EXAM = ["exam,examId,ID", "exam,accessionNumber,ACC", "exam,patientName,姓名",
        "exam,sex,map(性别, '男', '1', '女', '2')", "exam,examTime,date(TIME)", "exam,cost,FEE",
        "exam,emergency,URGENT", "exam,birthDate,BORN", "exam,itemName,ITEM", "exam,clinicalDiagnosis,NOTE",
        "exam,updatedTime,date(CHANGED)"]


def exam_source(server, table="exam_view", **more):
    return {"connection": server if isinstance(server, str) else server.connection(), "table": table, "kind": "exam",
            "mapping": "ris", "change_column": "CHANGED", "key_columns": "ID", **more}


def make_exams(server, table="exam_view", text="VARCHAR(64)"):
    q = server.quote
    time_type = "TIMESTAMP" if isinstance(server, Postgres) else "DATETIME(6)"
    server.sql(f"DROP TABLE IF EXISTS {q}{table}{q}; CREATE TABLE {q}{table}{q} ({q}ID{q} VARCHAR(32) PRIMARY KEY, "
               f"{q}ACC{q} VARCHAR(32), {q}姓名{q} {text}, {q}性别{q} VARCHAR(8), {q}TIME{q} {time_type}, {q}FEE{q} "
               f"DECIMAL(18,6), {q}URGENT{q} BOOLEAN, {q}BORN{q} DATE, {q}ITEM{q} TEXT, {q}NOTE{q} TEXT, {q}CHANGED{q} "
               f"{time_type} NOT NULL);")


def put_exam(server, number, table="exam_view", changed=None, **values):
    q = server.quote
    row = {"ID": f"E{number:05}", "ACC": f"A{number:05}", "姓名": "张伟", "性别": "男", "TIME": "2026-03-01 08:15:00",
           "FEE": "12345678901.123456", "URGENT": "true", "BORN": "1980-02-29", "ITEM": "胸部CT平扫", "NOTE": "咳嗽三天",
           "CHANGED": changed or f"2026-03-01 08:00:{number % 60:02}.{number:06}", **values}
    names = ", ".join(f"{q}{name}{q}" for name in row)
    texts = ", ".join("NULL" if value is None else value if value in ("true", "false") else
                      "'" + value.replace("'", "''") + "'" for value in row.values())
    server.sql(f"DELETE FROM {q}{table}{q} WHERE {q}ID{q} = '{row['ID']}'; INSERT INTO {q}{table}{q} ({names}) VALUES "
               f"({texts});")
    return row["ID"]


@pytest.fixture(params=["postgres", "maria"])
def server(request):
    return request.getfixturevalue(request.param)


def test_rows_become_records_with_their_types_and_characters(ris, server):
    make_exams(server)
    put_exam(server, 1, 姓名="欧阳娜娜𠮷" if isinstance(server, Postgres) else "欧阳娜娜", 性别="女", NOTE="很长。" * 1300)
    put_exam(server, 2, FEE="0.000001", URGENT="false", BORN=None, NOTE=None, ITEM="")
    node = ris(ris=exam_source(server))
    node.configure(mapping={"ris": EXAM})
    node.start()
    exams = node.wait_for("exam", 2)
    one, two = exams["E00001"], exams["E00002"]
    assert one["patientName"].startswith("欧阳娜娜") and one["sex"] == "2" and one["emergency"] is True
    assert str(one["examTime"]) == "2026-03-01 08:15:00" and one["birthDate"] == "1980-02-29"
    assert one["clinicalDiagnosis"] == "很长。" * 1300
    assert one["itemName"] == ["胸部CT平扫"] and one["accessionNumber"] == ["A00001"]
    with contextlib.closing(node.catalog()) as db:  # as text: a double could not hold it
        assert "12345678901.123456" in db.execute("SELECT content FROM record_version").fetchone()[0]
    assert two["emergency"] is False and "birthDate" not in two and "itemName" not in two
    status = node.status("ris")
    assert status["state"] == "ok" and status["rows"] == 2 and status["aside"] == 0


def test_changes_are_followed_and_what_is_the_same_makes_no_version(ris, server):
    make_exams(server)
    for number in range(1, 6):
        put_exam(server, number)
    node = ris(ris=exam_source(server))
    node.configure(mapping={"ris": EXAM})
    node.start()
    node.wait_for("exam", 5)
    put_exam(server, 3, changed="2026-03-01 09:00:00", NOTE="发热")
    node.wait_for_value("exam", "E00003", "clinicalDiagnosis", "发热")
    put_exam(server, 6, changed="2026-03-01 08:59:30")  # committed late, with an earlier time
    node.wait_for("exam", 6)
    put_exam(server, 7, changed="2026-03-01 09:00:00")  # the same change as the last one
    exams = node.wait_for("exam", 7)
    assert {one["@version"] for name, one in exams.items() if name != "E00003"} == {1}
    assert exams["E00003"]["@version"] == 2
    node.node.start_again()
    put_exam(server, 8, changed="2026-03-01 09:00:01")
    exams = node.wait_for("exam", 8)
    assert sum(one["@version"] for one in exams.values()) == 9


def test_a_dead_database_is_waited_for_quietly_and_read_on_when_it_is_back(ris, server):
    make_exams(server)
    put_exam(server, 1)
    node = ris(ris=exam_source(server))
    node.configure(mapping={"ris": EXAM})
    running = node.start()
    node.wait_for("exam", 1)
    server.kill()
    running.wait_for_log(r"odbc-source.*state=down")
    assert node.status("ris")["state"] == "down" and node.status("ris")["problem"]
    wait_until(lambda: running.health()[1]["databases"][0]["state"] == "down", 20, "/health")
    assert running.health()[1]["status"] == "ok"
    assert 'yingqiao_database_up{source="ris"} 0' in running.fetch("/metrics")[2].decode()
    server.start()
    put_exam(server, 2, changed="2026-03-01 10:00:00")
    node.wait_for("exam", 2)
    wait_until(lambda: node.status("ris")["state"] == "ok", 20, "the database is back")
    assert len(re.findall(r"odbc-source.*state=down", running.log())) <= 2  # broken, then not to be reached
    assert len(re.findall(r"odbc-source.*state=ok", running.log())) == 1


def test_a_frozen_database_delays_neither_the_others_nor_the_end(ris, server, tmp_path):
    make_exams(server)
    put_exam(server, 1)
    lite = Lite(tmp_path / "lite.db")
    node = ris(ris=exam_source(server), lite=exam_source(lite.connection(), "t"))
    node.configure(mapping={"ris": EXAM})
    running = node.start()
    node.wait_for("exam", 1)
    server.freeze()
    try:
        lite.put("L1", "2026-03-01 08:00:00")
        node.wait_for("exam", 2)
        lite.put("L2", "2026-03-01 08:00:01")
        node.wait_for("exam", 3)
        begun = time.monotonic()
        running.stop()
        assert time.monotonic() - begun < 60  # not the driver's minutes
    finally:
        server.freeze(False)


class Lite:
    quote = '"'

    def __init__(self, path, encoding="utf-8"):
        driver("libsqlite3odbc.so")
        self.path, self.encoding = str(path), encoding
        self.sql('CREATE TABLE t ("ID" VARCHAR(32) PRIMARY KEY, "ACC" VARCHAR(32), "姓名" VARCHAR(64), "性别" VARCHAR(8), '
                 '"TIME" VARCHAR(32), "FEE" NUMERIC, "URGENT" BOOLEAN, "BORN" DATE, "ITEM" TEXT, "NOTE" TEXT, "CHANGED" '
                 'VARCHAR(32), "PDF" BLOB)')

    def connection(self):
        return f"Driver={driver('libsqlite3odbc.so')};Database={self.path}"

    def sql(self, text, *values):
        with contextlib.closing(sqlite3.connect(self.path, timeout=60)) as db:
            db.execute(text, values)
            db.commit()

    def put(self, key, changed, name="李四", note="无", pdf=None, time="2026-03-01 08:15:00", table="t"):
        self.sql(f'INSERT OR REPLACE INTO {table} ("ID", "姓名", "性别", "TIME", "NOTE", "CHANGED", "PDF") VALUES (?, CAST(? AS '
                 'TEXT), CAST(? AS TEXT), ?, CAST(? AS TEXT), ?, ?)', key, name.encode(self.encoding),
                 "男".encode(self.encoding), time, note.encode(self.encoding), changed, pdf)


def test_bytes_of_gbk_are_read_by_the_charset_of_the_source(ris, tmp_path):
    lite = Lite(tmp_path / "gbk.db", "gbk")
    lite.sql('CREATE TABLE g ("ID" VARCHAR(32), "NAME" VARCHAR(64), "CHANGED" VARCHAR(32))')
    lite.sql("INSERT INTO g VALUES ('G1', CAST(? AS TEXT), '1')", "镕基㙟".encode("gb18030"))
    node = ris(gbk=exam_source(lite.connection(), "g", charset="gb18030"))
    node.configure(mapping={"ris": ["exam,examId,ID", "exam,patientName,NAME"]})
    node.start()
    assert node.wait_for("exam", 1)["G1"]["patientName"] == "镕基㙟"


def test_a_table_in_gbk_and_gbk_hidden_in_latin1(ris, maria):
    maria.sql("DROP TABLE IF EXISTS g1; DROP TABLE IF EXISTS g2;"
              "CREATE TABLE g1 (ID VARCHAR(32), NAME VARCHAR(64), CHANGED BIGINT) CHARACTER SET gbk;"
              "INSERT INTO g1 VALUES ('K1', '诸葛亮', 1);"
              "CREATE TABLE g2 (ID VARCHAR(32), NAME VARCHAR(64), CHANGED BIGINT) CHARACTER SET latin1;"
              f"INSERT INTO g2 VALUES ('K2', X'{'诸葛亮'.encode('gbk').hex()}', 1);")
    node = ris(g1=exam_source(maria, "g1"),
               g2=exam_source(maria.connection() + ";Charset=latin1", "g2", charset="gbk"))
    node.configure(mapping={"ris": ["exam,examId,ID", "exam,patientName,NAME"]})
    node.start()
    exams = node.wait_for("exam", 2)
    assert exams["K1"]["patientName"] == exams["K2"]["patientName"] == "诸葛亮"


@pytest.mark.parametrize("kind", ["number", "text", "digits", "binary", "date"])
def test_change_columns_of_all_kinds(ris, maria, kind):
    sql_type = {"number": "BIGINT", "text": "VARCHAR(30)", "digits": "BIGINT", "binary": "BINARY(8)", "date": "DATE"}[kind]
    value = {"number": lambda n: str(n * 1000), "text": lambda n: f"'2026/03/01 08:{n:02}:00'",
             "digits": lambda n: f"202603010800{n:02}", "binary": lambda n: f"X'{n * 1000:016x}'",
             "date": lambda n: f"'2026-03-{n:02}'"}[kind]
    maria.sql(f"DROP TABLE IF EXISTS c; CREATE TABLE c (ID INT, SUB VARCHAR(9), CHANGED {sql_type});")
    for n in range(1, 8):
        maria.sql(f"INSERT INTO c VALUES ({n}, 'a', {value(n)}), ({n}, 'b', {value(n)});")
    node = ris(c=exam_source(maria, "c", key_columns="ID, SUB", rows=3))
    node.configure(mapping={"ris": ["exam,examId,join('-', ID, SUB)"]})
    node.start()
    node.wait_for("exam", 14)
    node.node.stop()
    maria.sql(f"INSERT INTO c VALUES (9, 'a', {value(9)}), (7, 'c', {value(7)});")
    node.start()
    exams = node.wait_for("exam", 16)
    assert {one["@version"] for one in exams.values()} == {1}
    for n in (1, 2):  # twice: reading on from a place with all of its columns, without overlap
        node.configure(c=exam_source(maria, "c", key_columns="ID, SUB", rows=3, overlap=0))
        maria.sql(f"INSERT INTO c VALUES ({9 + n}, 'd', {value(9 + n)}), ({9 + n}, 'e', {value(9 + n)});")
        node.wait_for("exam", 16 + 2 * n)


def test_the_tables_of_the_hebei_document_need_no_mapping(ris, server):
    server.sql("DROP TABLE IF EXISTS PATIENT_LAB_REPORT; DROP TABLE IF EXISTS PATIENT_LAB_REPORT_DETAIL; DROP TABLE IF EXISTS "
               "PATIENT_STUDY_REPORT;"
               "CREATE TABLE PATIENT_LAB_REPORT (ORG_CODE VARCHAR(22), LAB_NUMBER VARCHAR(32), ORG_NAME VARCHAR(22), REPORT_DATE "
               "VARCHAR(19), PATIENT_TYPE VARCHAR(2), PATIENT_NAME VARCHAR(50), PATIENT_SEX VARCHAR(1), PATIENT_AGE NUMERIC(9), "
               "REVIEW_DATE VARCHAR(19), PROJECT_NAME VARCHAR(255), LAST_UPDATE_DTIME TIMESTAMP NULL);"
               "CREATE TABLE PATIENT_LAB_REPORT_DETAIL (ORG_CODE VARCHAR(22), LAB_NUMBER VARCHAR(32), LAB_DETAIL_NO VARCHAR(32), "
               "LAB_INDEX_NAME VARCHAR(200), RESULT_QUANTIFY VARCHAR(10), METERING_UNIT VARCHAR(20), REFERENCE_UP NUMERIC(18,3));"
               "CREATE TABLE PATIENT_STUDY_REPORT (ORG_CODE VARCHAR(32), STUDY_NUMBER VARCHAR(32), PATIENT_NAME VARCHAR(64), "
               "IMAGE_STUDY_NUMBER VARCHAR(32), STUDY_INSTANCE_UID VARCHAR(64), IMAGES_SEE TEXT, IMAGE_VIEW VARCHAR(2048), "
               "REVIEW_TIME VARCHAR(19), SEX VARCHAR(2), PATIENT_AGE VARCHAR(16), LAST_UPDATE_TIME TIMESTAMP NULL);"
               "INSERT INTO PATIENT_LAB_REPORT VALUES ('123', 'L1', '某医院', '2026-03-01 10:00:00', '01', '王芳', '2', 45, '2026-03-01 "
               "11:00:00', '血常规', '2026-03-01 11:00:00'), ('123', 'L2', '某医院', '2026-03-01 10:00:00', '01', '赵敏', '2', 30, NULL, "
               "'尿常规', '2026-03-01 11:00:01'), ('123', 'L3', '某医院', NULL, '01', '无时', '2', 30, NULL, '尿常规', NULL);"
               "INSERT INTO PATIENT_LAB_REPORT_DETAIL VALUES ('123', 'L1', '1', '白细胞', '5.21', '10^9/L', 9.5), ('123', 'L1', '2', "
               "'红细胞', '4.80', '10^12/L', NULL), ('999', 'L1', '3', '他院', '1', 'x', NULL);"
               "INSERT INTO PATIENT_STUDY_REPORT VALUES ('123', 'S1', '王芳', 'I1', '1.2.3.4', '双肺清晰', '未见异常', '2026-03-01 "
               "12:00:00', '2', '45岁', '2026-03-01 12:00:00');")
    lower = isinstance(server, Postgres)  # nobody quoted them
    node = ris(lab={"connection": server.connection(), "table": "PATIENT_LAB_REPORT", "change_column": "LAST_UPDATE_DTIME",
                    "key_columns": "ORG_CODE,LAB_NUMBER", "detail_table": "PATIENT_LAB_REPORT_DETAIL"},
               study={"connection": server.connection(), "table": "PATIENT_STUDY_REPORT", "key_columns":
                      "ORG_CODE,STUDY_NUMBER", "change_column": "LAST_UPDATE_TIME"})
    node.start()
    labs = node.wait_for("lab", 2)
    assert labs["L1"]["status"] == "final" and labs["L2"]["status"] == "preliminary"
    assert [(one["itemName"], str(one["quantity"])) for one in labs["L1"]["results"]] == [("白细胞", "5.21"), ("红细胞", "4.8")]
    assert "results" not in labs["L2"]
    exam, = node.wait_for("exam", 1).values()
    report, = node.wait_for("report", 1).values()
    assert exam["examId"] == "I1" and exam["ageUnit"] == "Y" and exam["age"] == 45
    assert report["reportId"] == "S1" and report["impression"] == "未见异常" and report["examId"] == ["I1"]
    test = node.cli("odbc", "test", "lab", "--json").json()
    assert test["kinds"] == ["lab", "lab-result"] and test["unplaced"] == 1
    names = [one["name"] for one in test["columns"]]
    assert ("lab_number" if lower else "LAB_NUMBER") in names


def test_the_views_of_the_neijiang_document_have_a_mapping(ris, tmp_path):
    lite = Lite(tmp_path / "n.db")
    lite.sql("CREATE TABLE base (RequistID VARCHAR(36), ReportID VARCHAR(36), PatName VARCHAR(50), PatSex VARCHAR(1), PatAge VARCHAR(4), "
             "ICCard VARCHAR(18), VisitFlag VARCHAR(4), ClinicID VARCHAR(36), StudyInstanceUID VARCHAR(512), ModifyFlag VARCHAR(1), "
             "Finding VARCHAR(4000), Conclusion VARCHAR(4000), RequisitionNote VARCHAR(16), AuditDateTime VARCHAR(19), interimReport "
             "VARCHAR(8), UpdateAt VARCHAR(19))")
    lite.sql("INSERT INTO base VALUES ('Q1', 'R1', '王芳', 'F', '10月', '-', '住院', 'Z77', '1.2.3,1.2.4', '1', '所见', '诊断', '10', "
             "'2026-03-01 09:00:00', '0', '2026-03-01 10:00:00')")
    shared = "PatName, PatSex, PatAge, ICCard, VisitFlag, ClinicID, StudyInstanceUID, ModifyFlag, UpdateAt"
    lite.sql(f"CREATE VIEW V_DocRequest AS SELECT RequistID, {shared} FROM base")
    lite.sql(f"CREATE VIEW V_DocReport AS SELECT ReportID, Finding, Conclusion, RequisitionNote, AuditDateTime, interimReport, {shared} "
             "FROM base")
    view = {"connection": lite.connection(), "change_column": "UpdateAt", "mapping": "neijiang-views"}
    node = ris(requests={**view, "table": "V_DocRequest", "key_columns": "RequistID"},
               reports={**view, "table": "V_DocReport", "key_columns": "ReportID"})
    node.start()
    exam, report = node.wait_for("exam", 1)["Q1"], node.wait_for("report", 1)["R1"]
    assert exam["inpatientNumber"] == "Z77" and "outpatientNumber" not in exam and "idNumber" not in exam
    assert exam["studyInstanceUid"] == ["1.2.3", "1.2.4"] and exam["disabled"] is True and exam["status"] == "registered"
    assert (exam["sex"], exam["age"], exam["ageUnit"]) == ("2", 10, "M")
    assert report["impression"] == "诊断" and report["status"] == "final" and report["positive"] == "1"


def test_odbc_test_names_what_is_missing_and_what_is_near(ris, server):
    make_exams(server)
    put_exam(server, 1)
    node = ris(ris=exam_source(server, change_column="CHANGD"), wrong=exam_source(server, "exam_vew"),
               off=exam_source("Driver=/nonexistent.so"))
    node.configure(mapping={"ris": EXAM + ["exam,requestNumber,ACCC", "exam,phone,first(ID, TEL)"]})
    done = node.cli("odbc", "test", "ris", code=1)
    assert "did you mean CHANGED?" in done.err
    node.configure(ris=exam_source(server))
    done = node.cli("odbc", "test", "ris")
    assert ("PostgreSQL" if isinstance(server, Postgres) else "MariaDB") in done.out
    assert "there is no column ACCC (did you mean ACC?)" in done.out and "TEL" not in done.out
    assert "姓名" in done.out and "exam (检查)" in done.out
    assert "no such table" in node.cli("odbc", "test", "wrong", code=1).err
    assert "driver" in node.cli("odbc", "test", "off", code=1).err
    assert "no source" in node.cli("odbc", "test", "nix", code=1).err


def test_preview_shows_the_newest_rows_masked_and_keeps_nothing(ris, server):
    make_exams(server)
    for number in range(1, 9):
        put_exam(server, number, 姓名="张伟民")
    put_exam(server, 9, 姓名="张伟民", TIME=None, FEE=None, changed="2026-03-02 00:00:00", BORN="1980-02-28")
    node = ris(ris=exam_source(server))
    node.configure(mapping={"ris": EXAM})
    running = node.start()
    node.wait_for("exam", 9)
    node.cli("odbc", "rewind", "ris")
    done = node.cli("odbc", "preview", "ris", "--rows", "2")
    assert done.out.index("E00009") < done.out.index("E00008") and "E00007" not in done.out
    assert "张伟民" not in done.out and "张" in done.out
    lines = [json.loads(line) for line in node.cli("odbc", "preview", "ris", "--rows", "1", "--personal", "--json").out.splitlines()]
    assert lines[0]["records"][0]["record"]["patientName"] == "张伟民" and lines[0]["keys"] == "E00009"
    assert "findings" in lines[0]["records"][0]
    assert node.count("exam") == 9 and "张伟民" not in running.log()


def test_a_row_that_cannot_be_taken_is_put_aside_and_tried_again(ris, server):
    make_exams(server)
    q = server.quote
    for number in range(1, 6):
        put_exam(server, number)
    put_exam(server, 3, ACC="A" * 30, 姓名="李秘密", ITEM="x" * 600)  # longer than the member
    node = ris(ris=exam_source(server, rows=2))
    node.configure(mapping={"ris": EXAM})
    running = node.start()
    node.wait_for("exam", 4)
    status = wait_until(lambda: (lambda s: s if s["aside"] == 1 else None)(node.status("ris")), 20, "a row aside")
    assert status["rows_aside"][0]["keys"] == "E00003" and "itemName" in status["rows_aside"][0]["reason"]
    assert "李秘密" not in json.dumps(status, ensure_ascii=False) and "李秘密" not in running.log()
    put_exam(server, 3, ITEM="好", changed="2026-03-01 08:30:00")  # it changes: taken
    node.wait_for("exam", 5)
    wait_until(lambda: node.status("ris")["aside"] == 0, 20, "nothing aside")
    put_exam(server, 2, ITEM="y" * 600, changed="2026-03-01 09:30:00")
    wait_until(lambda: node.status("ris")["aside"] == 1, 20, "a row aside")
    put_exam(server, 6, changed="2026-03-01 12:00:00")  # far on: nobody looks at the other one any more
    node.wait_for("exam", 6)
    server.sql(f"UPDATE {q}exam_view{q} SET {q}ITEM{q} = '短' WHERE {q}ID{q} = 'E00002'")
    assert "1 rows" in node.cli("odbc", "retry", "ris").out
    node.wait_for_value("exam", "E00002", "itemName", ["短"])
    wait_until(lambda: node.status("ris")["aside"] == 0, 20, "nothing aside")


def test_rewinding_reads_again_without_new_versions(ris, server):
    make_exams(server)
    for number in range(1, 8):
        put_exam(server, number, changed=f"2026-03-0{number} 08:00:00")
    node = ris(ris=exam_source(server))
    node.configure(mapping={"ris": EXAM})
    node.start()
    node.wait_for("exam", 7)
    node.cli("odbc", "rewind", "ris", "--to", "2026-03-05 08:00:00")
    wait_until(lambda: node.status("ris")["rows"] == 10, 20, "three rows again")
    node.configure(mapping={"ris": EXAM + ["exam,requestNumber,ID"]})
    node.node.wait_for_log("conf-reloaded")
    node.cli("odbc", "rewind", "ris")
    node.wait_for_value("exam", "E00001", "requestNumber", "E00001")
    exams = node.records("exam")
    assert max(one["@version"] for one in exams.values()) == 2


def test_sources_come_and_go_with_the_configuration(ris, server, tmp_path):
    make_exams(server)
    put_exam(server, 1)
    node = ris()
    node.configure(mapping={"ris": EXAM})
    running = node.start()
    node.configure(ris=exam_source(server))
    node.wait_for("exam", 1)
    node.configure(ris=exam_source(server, enabled=False))
    running.wait_for_log(r"(?s)conf-reloaded.*conf-reloaded")
    put_exam(server, 2, changed="2026-03-01 10:00:00")
    lite = Lite(tmp_path / "l.db")
    lite.put("L1", "2026-03-01 08:00:00")
    node.configure(lite=exam_source(lite.connection(), "t"))
    assert "L1" in node.wait_for("exam", 2)
    assert node.status("ris")["state"] == "disabled"
    node.configure(ris=exam_source(server))
    node.wait_for("exam", 3)


def test_a_pdf_in_a_column_is_kept_and_no_pdf_is_put_aside(ris, tmp_path):
    lite = Lite(tmp_path / "l.db")
    lite.put("R1", "1", pdf=PDF)
    lite.put("R2", "2", pdf=b"\x00" * 5000)
    lite.put("R3", "3", pdf=None, note="很长。" * 9000)
    node = ris(lite=exam_source(lite.connection(), "t", kind="report"))
    node.configure(mapping={"ris": ["report,reportId,ID", "report,pdf,PDF", "report,findings,NOTE"]})
    node.start()
    reports = node.wait_for("report", 2)
    assert re.fullmatch("[0-9a-f]{64}", reports["R1"]["pdf"]) and "pdf" not in reports["R3"]
    assert reports["R3"]["findings"] == "很长。" * 9000
    status = node.status("lite")
    assert [one["keys"] for one in status["rows_aside"]] == ["R2"] and "PDF" in status["rows_aside"][0]["reason"]


def test_passwords_are_read_from_a_private_file_and_never_shown(ris, maria, tmp_path):
    password = "ge;h}{im'8 "[:-1]
    maria.sql("CREATE OR REPLACE USER leser@'%' IDENTIFIED BY '" + password.replace("'", "''") + "'; GRANT SELECT ON ris.* TO leser@'%';")
    make_exams(maria)
    put_exam(maria, 1)
    secret = tmp_path / "password"
    secret.write_text(password + "\n")
    connection = maria.connection().replace("UID=root", "UID=leser")
    node = ris(ris=exam_source(connection, password_file=str(secret)))
    node.configure(mapping={"ris": EXAM})
    secret.chmod(0o644)
    assert "chmod 600" in node.cli("odbc", "test", "ris", code=1).err
    secret.chmod(0o600)
    assert "MariaDB" in node.cli("odbc", "test", "ris").out
    running = node.start()
    node.wait_for("exam", 1)
    secret.write_text("falsch")
    done = node.cli("odbc", "test", "ris", code=1)
    assert "refuses this user or password" in done.err and "falsch" not in done.err
    maria.sql("DROP USER leser@'%'")
    assert "ge;h" not in running.log() + node.cli("check").out
    node.configure(ris=exam_source(connection + ";PWD=x"))
    assert "password_file" in node.cli("check", code=1).err


def test_killed_again_and_again_no_row_is_lost_and_none_is_there_twice(ris, server):
    make_exams(server)
    q = server.quote
    total = 3000
    series = ("SELECT {0}, {1} FROM generate_series(1, %d) AS n" % total if isinstance(server, Postgres) else
              "SELECT {0}, {1} FROM seq_1_to_%d AS s" % total)
    n = "n" if isinstance(server, Postgres) else "seq"
    key = f"'E' || {n}" if isinstance(server, Postgres) else f"CONCAT('E', {n})"
    changed = (f"TIMESTAMP '2026-03-01 08:00:00' + {n} / 7 * INTERVAL '1 second'" if isinstance(server, Postgres) else
               f"TIMESTAMP '2026-03-01 08:00:00' + INTERVAL {n} DIV 7 SECOND")
    server.sql(f"INSERT INTO {q}exam_view{q} ({q}ID{q}, {q}CHANGED{q}) " + series.format(key, changed))
    node = ris(ris=exam_source(server, rows=50))
    node.configure(mapping={"ris": EXAM})
    running = node.start()
    for part in (0.2, 0.5, 0.8):
        wait_until(lambda: node.count("exam") >= part * total, 120, "rows", every=0.02)
        running.kill9()
        running.start()
    exams = node.wait_for("exam", total, 120)
    assert {one["@version"] for one in exams.values()} == {1}
    assert len(exams) == total


def resident_kb(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


def test_many_rows_take_flat_memory(ris, server):
    make_exams(server)
    q = server.quote
    total = 20000
    if isinstance(server, Postgres):
        server.sql(f"INSERT INTO {q}exam_view{q} ({q}ID{q}, {q}NOTE{q}, {q}CHANGED{q}) SELECT 'E' || n, repeat('影', 300), TIMESTAMP "
                   f"'2026-03-01 08:00:00' + n * INTERVAL '1 second' FROM generate_series(1, {total}) AS n")
    else:
        server.sql(f"INSERT INTO {q}exam_view{q} ({q}ID{q}, {q}NOTE{q}, {q}CHANGED{q}) SELECT CONCAT('E', seq), REPEAT('影', 300), "
                   f"TIMESTAMP '2026-03-01 08:00:00' + INTERVAL seq SECOND FROM seq_1_to_{total}")
    node = ris(ris=exam_source(server))
    node.configure(mapping={"ris": EXAM})
    running = node.start()
    sizes = []
    begun = time.monotonic()
    for part in (0.3, 0.65, 1):
        wait_until(lambda: node.count("exam") >= part * total, 300, "rows", every=0.1)
        sizes.append(resident_kb(running.pid))
    print(f"{total / (time.monotonic() - begun):.0f} rows/s, resident {sizes} kB")
    assert sizes[-1] < sizes[0] + 40000 or sanitized(), sizes


def test_a_server_that_never_answers_holds_nobody_up(ris, tmp_path):
    lite = Lite(tmp_path / "l.db")
    lite.put("L1", "2026-03-01 08:00:00")
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(5)
        port = mute.getsockname()[1]
        silent = f"Driver={driver('psqlodbcw.so')};Server=127.0.0.1;Port={port};Database=x;UID=x"
        node = ris(mute=exam_source(silent, timeout=1), lite=exam_source(lite.connection(), "t"))
        node.configure(mapping={"ris": EXAM})
        running = node.start()
        node.wait_for("exam", 1)
        begun = time.monotonic()
        running.stop()
        assert time.monotonic() - begun < 60


def test_a_time_in_the_future_does_not_hide_what_comes_after(ris, server):
    make_exams(server)
    put_exam(server, 1, changed="2099-01-01 00:00:00")
    node = ris(ris=exam_source(server))
    node.configure(mapping={"ris": EXAM})
    running = node.start()
    node.wait_for("exam", 1)
    running.wait_for_log("odbc-future")
    now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + 8 * 3600 + 3 * 86400))
    put_exam(server, 2, changed=now)
    node.wait_for("exam", 2)
    assert node.records("exam")["E00001"]["@version"] == 1
