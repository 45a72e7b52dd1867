"""dul.py: a small DICOM upper layer of the tests' own. PS3.8 (PDUs), PS3.7 (DIMSE messages).

It can do what DCMTK's tools cannot: transfer syntaxes nobody has heard of, PDVs cut anywhere, messages that
are wrong on purpose, answers on an association of the node's own making. It trusts nothing of what comes
back: every wait has a deadline, and an unexpected answer is an exception that says what it was.
"""
import io
import socket
import struct
import threading
import time

APPLICATION = "1.2.840.10008.3.1.1.1"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
VERIFICATION = "1.2.840.10008.1.1"
COMMITMENT = "1.2.840.10008.1.20.1"
COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"
FIND = {"patient": "1.2.840.10008.5.1.4.1.2.1.1", "study": "1.2.840.10008.5.1.4.1.2.2.1"}
MOVE = {"patient": "1.2.840.10008.5.1.4.1.2.1.2", "study": "1.2.840.10008.5.1.4.1.2.2.2"}
GET = {"patient": "1.2.840.10008.5.1.4.1.2.1.3", "study": "1.2.840.10008.5.1.4.1.2.2.3"}
IMPLEMENTATION = "2.25.112233445566778899"

C_STORE, C_GET, C_FIND, C_MOVE, C_ECHO = 0x0001, 0x0010, 0x0020, 0x0021, 0x0030
N_EVENT_REPORT, N_ACTION, C_CANCEL, RESPONSE = 0x0100, 0x0130, 0x0FFF, 0x8000

# name -> (element of group 0000, kind)
COMMAND = {
    "AffectedSOPClassUID": (0x0002, "UI"),
    "RequestedSOPClassUID": (0x0003, "UI"),
    "CommandField": (0x0100, "US"),
    "MessageID": (0x0110, "US"),
    "MessageIDBeingRespondedTo": (0x0120, "US"),
    "MoveDestination": (0x0600, "AE"),
    "Priority": (0x0700, "US"),
    "CommandDataSetType": (0x0800, "US"),
    "Status": (0x0900, "US"),
    "OffendingElement": (0x0901, "AT"),
    "ErrorComment": (0x0902, "LO"),
    "ErrorID": (0x0903, "US"),
    "AffectedSOPInstanceUID": (0x1000, "UI"),
    "RequestedSOPInstanceUID": (0x1001, "UI"),
    "EventTypeID": (0x1002, "US"),
    "ActionTypeID": (0x1008, "US"),
    "NumberOfRemainingSuboperations": (0x1020, "US"),
    "NumberOfCompletedSuboperations": (0x1021, "US"),
    "NumberOfFailedSuboperations": (0x1022, "US"),
    "NumberOfWarningSuboperations": (0x1023, "US"),
    "MoveOriginatorApplicationEntityTitle": (0x1030, "AE"),
    "MoveOriginatorMessageID": (0x1031, "US"),
}
NAMES = {element: (name, kind) for name, (element, kind) in COMMAND.items()}


class Rejected(Exception):
    """A-ASSOCIATE-RJ; result, source and reason as in PS3.8 9.3.4."""

    def __init__(self, result, source, reason):
        super().__init__(f"association rejected: result {result} source {source} reason {reason}")
        self.result, self.source, self.reason = result, source, reason


class Aborted(Exception):
    """A-ABORT, or the connection was closed or reset."""


class Released(Exception):
    """The other side asked to release; it was answered."""


# ---- PDUs ----


def item(kind, body):
    body = body.encode() if isinstance(body, str) else body
    return struct.pack(">BBH", kind, 0, len(body)) + body


def pdu(kind, body):
    return struct.pack(">BBI", kind, 0, len(body)) + body


def associate_rq(contexts, called="YQTEST", calling="CASES", max_pdu=131072, roles=(), extended=None, protocol=1,
                 application=APPLICATION, identity=None):
    """contexts: [(id, abstract syntax, [transfer syntaxes])]; roles: abstract syntaxes we are SCP of;
    extended: {abstract syntax: bytes}; identity: (type, answer asked, first field, second field)."""
    user = item(0x51, struct.pack(">I", max_pdu)) + item(0x52, IMPLEMENTATION)
    for uid in roles:
        user += item(0x54, struct.pack(">H", len(uid)) + uid.encode() + b"\0\1")
    user += item(0x55, "YQ_CASES")
    for uid, info in (extended or {}).items():
        user += item(0x56, struct.pack(">H", len(uid)) + uid.encode() + info)
    if identity:
        kind, answer, first, second = identity
        user += item(0x58, struct.pack(">BBH", kind, answer, len(first)) + first +
                     struct.pack(">H", len(second)) + second)
    body = struct.pack(">HH16s16s32x", protocol, 0, called.ljust(16).encode(), calling.ljust(16).encode())
    body += item(0x10, application)
    for number, abstract, syntaxes in contexts:
        offers = b"".join(item(0x40, syntax) for syntax in syntaxes)
        body += item(0x20, struct.pack(">BBBB", number, 0, 0, 0) + item(0x30, abstract) + offers)
    return pdu(0x01, body + item(0x50, user))


def items(body):
    at = 0
    while at + 4 <= len(body):
        kind, _, length = struct.unpack_from(">BBH", body, at)
        yield kind, body[at + 4:at + 4 + length]
        at += 4 + length


def read_exactly(sock, count):
    parts, missing = [], count
    while missing:
        try:
            part = sock.recv(min(missing, 1 << 20))
        except (ConnectionResetError, BrokenPipeError) as error:
            raise Aborted(str(error)) from None
        if not part:
            raise Aborted("connection closed")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def read_pdu(sock):
    """(type, body)"""
    kind, _, length = struct.unpack(">BBI", read_exactly(sock, 6))
    assert length <= 1 << 24, f"a PDU of {length} bytes"
    return kind, read_exactly(sock, length)


def pdv(context, data, command=False, last=True):
    return struct.pack(">IBB", len(data) + 2, context, (1 if command else 0) | (2 if last else 0)) + data


# ---- command sets and datasets ----


def encode_command(**members):
    body = b""
    for name, value in sorted(members.items(), key=lambda pair: COMMAND[pair[0]][0]):
        if value is None:
            continue
        element, kind = COMMAND[name]
        if kind == "US":
            raw = struct.pack("<H", value)
        elif kind == "AT":
            raw = struct.pack("<HH", value >> 16, value & 0xFFFF)
        else:
            raw = value.encode()
            raw += (b"\0" if kind == "UI" else b" ") * (len(raw) & 1)
        body += struct.pack("<HHI", 0, element, len(raw)) + raw
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def decode_command(raw):
    members, at = {}, 0
    while at + 8 <= len(raw):
        group, element, length = struct.unpack_from("<HHI", raw, at)
        value = raw[at + 8:at + 8 + length]
        assert group == 0 and len(value) == length, f"a broken command set: {raw.hex()}"
        name, kind = NAMES.get(element, (None, None))
        if kind == "US":
            members[name] = struct.unpack("<H", value)[0]
        elif kind == "AT":
            members[name] = value.hex()
        elif kind:
            members[name] = value.decode("latin-1").rstrip(" \0")
        at += 8 + length
    return members


def encode_dataset(dataset, syntax=IMPLICIT):
    """A pydicom Dataset as bytes in implicit or explicit little endian, or explicit big endian."""
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset

    out = DicomBytesIO()
    out.is_implicit_VR = syntax == IMPLICIT
    out.is_little_endian = syntax != BIG_ENDIAN
    write_dataset(out, dataset, dataset.get("SpecificCharacterSet", "iso8859"))
    raw = out.getvalue()
    if syntax == DEFLATED:
        import zlib
        squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        raw = squeeze.compress(raw) + squeeze.flush()
        raw += b"\0" * (len(raw) & 1)
    return raw


def decode_dataset(raw, syntax=IMPLICIT):
    from pydicom.filereader import read_dataset

    if syntax == DEFLATED:
        import zlib
        raw = zlib.decompress(raw, -zlib.MAX_WBITS)
    dataset = read_dataset(io.BytesIO(raw), syntax == IMPLICIT, syntax != BIG_ENDIAN)
    dataset.is_implicit_VR, dataset.is_little_endian = syntax == IMPLICIT, syntax != BIG_ENDIAN
    dataset.decode()
    return dataset


def decode_dataset_head(raw, syntax):
    """The elements before the pixel data."""
    from pydicom.filereader import read_dataset

    if syntax == DEFLATED:
        import zlib
        raw = zlib.decompressobj(-zlib.MAX_WBITS).decompress(raw, 1 << 20)
    return read_dataset(io.BytesIO(raw), syntax == IMPLICIT, syntax != BIG_ENDIAN,
                        stop_when=lambda tag, vr, length: tag >= 0x00280000)


class Message:
    def __init__(self, context, command, dataset):
        self.context, self.command, self.dataset = context, command, dataset

    def __getattr__(self, name):
        if name in COMMAND:
            return self.command.get(name)
        raise AttributeError(name)

    def __repr__(self):
        return f"Message({self.command}, {'no dataset' if self.dataset is None else len(self.dataset)})"


# ---- associations ----


class Connection:
    """Messages over an open association, whoever asked for it."""

    def __init__(self, sock, peer_max):
        self.sock, self.peer_max = sock, peer_max
        self.accepted = {}   # id -> (abstract syntax, transfer syntax)
        self.message_id = 0
        self.pending = []    # PDVs read but not yet used
        self.open = True

    def next_id(self):
        self.message_id += 1
        return self.message_id

    def context(self, abstract, syntax=None):
        """The id of an accepted context, or None."""
        for number, (a, t) in self.accepted.items():
            if a == abstract and (syntax is None or t == syntax):
                return number
        return None

    def need(self, abstract, syntax=None):
        number = self.context(abstract, syntax)
        assert number is not None, f"no context accepted for {abstract} {syntax or ''}: {self.accepted}"
        return number

    def syntax(self, number):
        return self.accepted[number][1]

    def raw(self, data):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Aborted(str(error)) from None

    def chunk(self):
        return (self.peer_max or 131072) - 6

    def fragments(self, context, data, command):
        size = self.chunk()
        for at in range(0, max(len(data), 1), size):
            part = data[at:at + size]
            yield pdu(0x04, pdv(context, part, command, at + size >= len(data)))

    def send(self, context, dataset=None, **command):
        """dataset: bytes, or an open file that is sent from where it stands."""
        command["CommandDataSetType"] = 0x0101 if dataset is None else 0x0001
        head = b"".join(self.fragments(context, encode_command(**command), True))
        if dataset is None:
            self.raw(head)
        elif isinstance(dataset, (bytes, bytearray)):
            self.raw(head + b"".join(self.fragments(context, dataset, False)))
        else:
            self.raw(head)
            part = dataset.read(self.chunk())
            while True:
                following = dataset.read(self.chunk())
                self.raw(pdu(0x04, pdv(context, part, False, not following)))
                if not following:
                    break
                part = following

    def next_pdv(self):
        while not self.pending:
            kind, body = read_pdu(self.sock)
            if kind == 0x04:
                at = 0
                while at < len(body):
                    length, context, flags = struct.unpack_from(">IBB", body, at)
                    assert 2 <= length <= len(body) - at - 4, f"a PDV of {length} bytes in a PDU of {len(body)}"
                    self.pending.append((context, flags, body[at + 6:at + 4 + length]))
                    at += 4 + length
            elif kind == 0x05:
                self.raw(pdu(0x06, b"\0" * 4))
                self.open = False
                raise Released()
            elif kind == 0x07:
                self.open = False
                raise Aborted(f"A-ABORT source {body[2]} reason {body[3]}")
            else:
                raise AssertionError(f"a PDU of type {kind:#x} was not expected")
        return self.pending.pop(0)

    def part(self, command):
        """One command set or dataset: (context, bytes)"""
        parts = []
        while True:
            context, flags, data = self.next_pdv()
            assert bool(flags & 1) == command, f"a {'dataset' if command else 'command'} fragment was not expected"
            parts.append(data)
            if flags & 2:
                return context, b"".join(parts)

    def receive(self):
        context, raw = self.part(True)
        command = decode_command(raw)
        dataset = None
        if command.get("CommandDataSetType") != 0x0101:
            dataset = self.part(False)[1]
        return Message(context, command, dataset)

    # ---- what an SCU says ----

    def echo(self):
        number = self.need(VERIFICATION)
        self.send(number, CommandField=C_ECHO, MessageID=self.next_id(), AffectedSOPClassUID=VERIFICATION)
        return self.receive().Status

    def store(self, sop_class, sop_instance, dataset, syntax=None, priority=0):
        """The whole answer."""
        self.send(self.need(sop_class, syntax), dataset, CommandField=C_STORE, MessageID=self.next_id(),
                  AffectedSOPClassUID=sop_class, AffectedSOPInstanceUID=sop_instance, Priority=priority)
        return self.receive()

    def ask(self, field, abstract, identifier, **more):
        """Sends C-FIND, C-MOVE or C-GET; identifier: a pydicom Dataset or bytes. Returns the message id."""
        number = self.need(abstract)
        if not isinstance(identifier, (bytes, bytearray)):
            identifier = encode_dataset(identifier, self.syntax(number))
        message = self.next_id()
        self.send(number, identifier, CommandField=field, MessageID=message, AffectedSOPClassUID=abstract,
                  Priority=0, **more)
        return message

    def cancel(self, abstract, message):
        self.send(self.need(abstract), CommandField=C_CANCEL, MessageIDBeingRespondedTo=message)

    def respond(self, request, status, dataset=None, **more):
        self.send(request.context, dataset, CommandField=request.CommandField | RESPONSE,
                  MessageIDBeingRespondedTo=request.MessageID, Status=status,
                  AffectedSOPClassUID=request.AffectedSOPClassUID or request.RequestedSOPClassUID,
                  AffectedSOPInstanceUID=request.AffectedSOPInstanceUID or request.RequestedSOPInstanceUID, **more)

    def answers(self, on_store=None):
        """Yields the answers to a C-FIND, C-MOVE or C-GET up to the final one; C-STORE requests that come in
        between (C-GET) go to on_store(message) -> status."""
        while True:
            message = self.receive()
            if message.CommandField == C_STORE:
                self.respond(message, on_store(message))
                continue
            yield message
            if message.Status not in (0xFF00, 0xFF01):
                return

    # ---- the end ----

    def release(self):
        if not self.open:
            return
        self.open = False
        try:
            self.sock.sendall(pdu(0x05, b"\0" * 4))
            while True:
                kind, _ = read_pdu(self.sock)
                if kind == 0x06:
                    break
                assert kind == 0x04, f"a PDU of type {kind:#x} instead of A-RELEASE-RP"
        finally:
            self.sock.close()

    def abort(self):
        self.open = False
        try:
            self.sock.sendall(pdu(0x07, b"\0" * 4))
        except OSError:
            pass
        self.sock.close()

    def close(self):
        """Goes away without a word."""
        self.open = False
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.release()
        else:
            self.close()


class Association(Connection):
    """Asks for an association. contexts: [(abstract syntax, [transfer syntaxes])]; ids are given out 1, 3, 5...
    tls: an ssl.SSLContext; without it, plain."""

    def __init__(self, port, contexts, called="YQTEST", calling="CASES", host="127.0.0.1", timeout=60, tls=None,
                 **options):
        sock = socket.create_connection((host, port), timeout=timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            sock = tls.wrap_socket(sock, server_hostname="localhost")
        super().__init__(sock, 16384)
        asked = [(1 + 2 * n, abstract, syntaxes) for n, (abstract, syntaxes) in enumerate(contexts)]
        try:
            self.raw(associate_rq(asked, called, calling, **options))
            self.settle(asked)
        except BaseException:
            sock.close()
            raise

    def settle(self, asked):
        kind, body = read_pdu(self.sock)
        if kind == 0x03:
            raise Rejected(body[1], body[2], body[3])
        if kind == 0x07:
            raise Aborted(f"A-ABORT source {body[2]} reason {body[3]}")
        assert kind == 0x02, f"a PDU of type {kind:#x} instead of A-ASSOCIATE-AC"
        abstract_of = {number: abstract for number, abstract, _ in asked}
        self.results, self.extended, self.roles, self.believed = {}, {}, {}, None
        for kind, body in items(body[68:]):
            if kind == 0x21:
                self.results[body[0]] = body[2]
                if body[2] == 0:
                    syntax = next(value for sub, value in items(body[4:]) if sub == 0x40)
                    self.accepted[body[0]] = (abstract_of[body[0]], syntax.decode().rstrip("\0"))
            elif kind == 0x50:
                for sub, value in items(body):
                    if sub == 0x51:
                        self.peer_max = struct.unpack(">I", value)[0]
                    elif sub == 0x59:  # who we are is accepted, with this server response
                        self.believed = value[2:]
                    elif sub in (0x54, 0x56):
                        size = struct.unpack_from(">H", value)[0]
                        uid, rest = value[2:2 + size].decode(), value[2 + size:]
                        (self.roles if sub == 0x54 else self.extended)[uid] = rest


class Acceptor:
    """A small SCP on a free port: C-ECHO, C-STORE and N-EVENT-REPORT. takes(abstract, syntaxes) names the
    transfer syntax it accepts or None; on_store(message, syntax) gives the status. What came is in `stored`
    [(sop instance, sop class, transfer syntax, dataset bytes, command)] and `reports` [(Message, dataset)]."""

    def __init__(self, takes=None, on_store=None, on_report=None, tls=None, port=0):
        self.tls = tls
        self.takes = takes or (lambda abstract, syntaxes: syntaxes[0])
        self.on_store = on_store or (lambda message, syntax: 0x0000)
        self.on_report = on_report or (lambda message: 0x0000)
        self.stored, self.reports, self.associations, self.trouble = [], [], [], []
        self.changed = threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        sock.settimeout(120)
        try:
            sock = self.tls.wrap_socket(sock, server_side=True) if self.tls else sock
            self.talk(self.negotiate(sock))
        except (Released, Aborted, OSError):
            pass
        except Exception as error:  # shown by close(): a thread's exception would be lost
            self.trouble.append(repr(error))
        finally:
            sock.close()

    def negotiate(self, sock):
        kind, body = read_pdu(sock)
        assert kind == 0x01, f"a PDU of type {kind:#x} instead of A-ASSOCIATE-RQ"
        answer, accepted, peer_max, roles = item(0x10, APPLICATION), {}, 16384, b""
        for kind, value in items(body[68:]):
            if kind == 0x20:
                inner = list(items(value[4:]))
                abstract = inner[0][1].decode()
                syntax = self.takes(abstract, [one.decode() for sub, one in inner[1:] if sub == 0x40])
                answer += item(0x21, struct.pack(">BBBB", value[0], 0, 0 if syntax else 4, 0) +
                               item(0x40, syntax or IMPLICIT))
                if syntax:
                    accepted[value[0]] = (abstract, syntax)
            elif kind == 0x50:
                for sub, one in items(value):
                    if sub == 0x51:
                        peer_max = struct.unpack(">I", one)[0]
                    elif sub == 0x54:
                        roles += item(0x54, one)
        answer += item(0x50, item(0x51, struct.pack(">I", 131072)) + item(0x52, IMPLEMENTATION) + roles)
        sock.sendall(pdu(0x02, body[:68] + answer))
        connection = Connection(sock, peer_max)
        connection.accepted = accepted
        calling = body[20:36].decode().strip()
        with self.changed:
            self.associations.append((calling, accepted))
            self.changed.notify_all()
        return connection

    def talk(self, connection):
        while True:
            message = connection.receive()
            if message.CommandField == C_ECHO:
                connection.respond(message, 0)
            elif message.CommandField == C_STORE:
                abstract, syntax = connection.accepted[message.context]
                status = self.on_store(message, syntax)
                with self.changed:
                    self.stored.append((message.AffectedSOPInstanceUID, abstract, syntax, message.dataset,
                                        message.command))
                    self.changed.notify_all()
                connection.respond(message, status)
            elif message.CommandField == N_EVENT_REPORT:
                status = self.on_report(message)
                dataset = decode_dataset(message.dataset, connection.syntax(message.context))
                with self.changed:
                    self.reports.append((message, dataset))
                    self.changed.notify_all()
                connection.respond(message, status, EventTypeID=message.EventTypeID)
            else:
                raise AssertionError(f"{message} was not expected")

    def wait_for(self, condition, seconds=60):
        deadline = time.monotonic() + seconds
        with self.changed:
            while not condition():
                left = deadline - time.monotonic()
                assert left > 0, f"waited {seconds} s; stored {len(self.stored)}, reports {len(self.reports)}"
                self.changed.wait(left)

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # closing alone would not wake accept()
        except OSError:
            pass
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close()
        if kind is None:
            assert not self.trouble, self.trouble
