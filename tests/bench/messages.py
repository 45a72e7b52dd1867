"""messages.py: how many HL7 messages a second become records: orders and their reports, in turns, each acknowledged
before the next is sent over its connection. Patients are invented."""
import json
import socket
import threading
import time

ORDER = ("MSH|^~\\&|RIS|H|YQ|H|20260301080000||ORM^O01|O{n}|P|2.4||||||UNICODE UTF-8\rPID|1||P{n}^^^H^MR||赵^六||19700203|M\r"
         "PV1|1|O|内科^12^3\rORC|NW|H{n}|R{n}|||||||||1001^李^医生\rOBR|1|H{n}|R{n}|CT001^胸部CT平扫||||||||||||||A{n}||||||CT\r")
REPORT = ("MSH|^~\\&|RIS|H|YQ|H|20260301100000||ORU^R01|R{n}|P|2.4||||||UNICODE UTF-8\rPID|1||P{n}^^^H^MR||赵^六||19700203|M\r"
          "OBR|1|H{n}|R{n}|CT001^胸部CT平扫|||20260301093000|||||||||||A{n}||||20260301095500||CT|F|||||||1002&王&医生\r"
          "OBX|1|TX|影像所见||双肺纹理清晰，未见实变；纵隔居中。||||||F\rOBX|2|TX|诊断意见||胸部平扫未见异常。||||||F\r")


def talk(port, first, count, failed):
    with socket.create_connection(("127.0.0.1", port), 60) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(count):
            text = (REPORT if i % 2 else ORDER).format(n=f"{first}-{i // 2}")
            line.sendall(b"\x0b" + text.encode() + b"\x1c\r")
            got = b""
            while not got.endswith(b"\x1c\r"):
                piece = line.recv(65536)
                if not piece:
                    failed.append("closed")
                    return
                got += piece
            if b"MSA|AA" not in got:
                failed.append(got)


def rate(port, round_number, connections, count):
    """Messages a second over so many connections."""
    failed = []
    threads = [threading.Thread(target=talk, args=(port, f"{round_number}-{connections}-{k}", count // connections, failed))
               for k in range(connections)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed[:3]
    return count / (time.monotonic() - begun)


def measure(run, results, make_server, free_port):
    """`make_server`: a node on this folder with these settings."""
    folder, port = run.place("messages"), free_port()
    (folder / "conf").mkdir(parents=True)
    (folder / "conf/sources.json").write_text(json.dumps({"sources": [{"name": "ris", "type": "hl7"}]}))
    server = make_server(folder, settings=(f"hl7.port={port}",))
    server.start()
    for round_number in range(run.rounds):
        for connections in (1, 8):
            before = server.cpu()
            results.add(f"HL7, {connections}", "yingqiao", rate(port, round_number, connections, run.images))
            results.add(f"HL7 cpu, {connections}", "yingqiao", 1000 * (server.cpu() - before) / run.images)
    results.add("HL7 memory", "yingqiao", server.memory_mb())
    server.stop()
