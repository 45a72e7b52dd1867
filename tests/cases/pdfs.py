"""pdfs.py: PDFs for the cases, written by hand: good ones, and those that do harm."""
import zlib


def build(objects, root=1, version="1.4", trailer=b"", xref=True):
    """A file of these objects (bytes, or (dictionary, stream)) numbered from 1."""
    out, places = bytearray(f"%PDF-{version}\n%\xe2\xe3\xcf\xd3\n".encode("latin-1")), []
    for number, one in enumerate(objects, 1):
        places.append(len(out))
        if isinstance(one, tuple):
            head, stream = one
            one = b"<<" + head + b" /Length %d>>\nstream\n" % len(stream) + stream + b"\nendstream"
        out += b"%d 0 obj\n" % number + one + b"\nendobj\n"
    start = len(out) if xref else 7
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<</Size %d /Root %d 0 R %s>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, root, trailer, start)
    return bytes(out)


def pdf(pages=1, text="report", squeeze=True, **options):
    """`pages` pages with a line of text each."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * n) for n in range(pages))
    objects = [b"<</Type/Catalog /Pages 2 0 R>>", b"<</Type/Pages /Kids[%s] /Count %d>>" % (kids, pages),
               b"<</Type/Font /Subtype/Type1 /BaseFont/Helvetica>>"]
    for n in range(pages):
        content = f"BT /F1 24 Tf 72 700 Td ({text} {n + 1}) Tj ET".encode()
        objects.append(b"<</Type/Page /Parent 2 0 R /MediaBox[0 0 595 842] /Contents %d 0 R "
                       b"/Resources<</Font<</F1 3 0 R>>>>>>" % (5 + 2 * n))
        objects.append((b"/Filter/FlateDecode", zlib.compress(content)) if squeeze else (b"", content))
    return build(objects, **options)


def large(size, text="large"):
    """At least `size` bytes, of which most belong to nothing."""
    import random
    filler = random.Random(text).randbytes(size)
    return build([b"<</Type/Catalog /Pages 2 0 R>>", b"<</Type/Pages /Kids[3 0 R] /Count 1>>",
                  b"<</Type/Page /Parent 2 0 R /MediaBox[0 0 595 842]>>", (b"", filler)])


def page_tree(depth):
    """Pages nodes in pages nodes."""
    objects = [b"<</Type/Catalog /Pages 2 0 R>>"]
    for n in range(depth):
        objects.append(b"<</Type/Pages /Kids[%d 0 R] /Count 1>>" % (n + 3))
    objects.append(b"<</Type/Page /Parent %d 0 R /MediaBox[0 0 595 842]>>" % (depth + 1))
    return build(objects)


def looping_tree():
    return build([b"<</Type/Catalog /Pages 2 0 R>>", b"<</Type/Pages /Kids[2 0 R] /Count 1>>"])


def nested_arrays(depth):
    return build([b"<</Type/Catalog /Pages 2 0 R>>", b"<</Type/Pages /Kids[3 0 R] /Count 1>>",
                  b"<</Type/Page /Parent 2 0 R /MediaBox[0 0 595 842] /A " + b"[" * depth + b"]" * depth + b">>"])


def flate_bomb(megabytes, times=1):
    """Content of a page that inflates to so much, squeezed `times` times."""
    squeezer, stream = zlib.compressobj(9), b""
    for _ in range(megabytes):
        stream += squeezer.compress(bytes(1 << 20))
    stream += squeezer.flush()
    for _ in range(times - 1):
        stream = zlib.compress(stream, 9)
    return build([b"<</Type/Catalog /Pages 2 0 R>>", b"<</Type/Pages /Kids[3 0 R] /Count 1>>",
                  b"<</Type/Page /Parent 2 0 R /MediaBox[0 0 595 842] /Contents 4 0 R>>",
                  (b"/Filter[" + b"/FlateDecode " * times + b"]", stream)])


def many_pages(count):
    """One page that is named so often."""
    return build([b"<</Type/Catalog /Pages 2 0 R>>", b"<</Type/Pages /Kids[" + b"3 0 R " * count + b"] /Count %d>>" % count,
                  b"<</Type/Page /Parent 2 0 R /MediaBox[0 0 595 842]>>"])
