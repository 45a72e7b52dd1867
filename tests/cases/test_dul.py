"""The tests' own upper layer against DCMTK's tools: what judges the node must itself be right."""
import os

import dul
import samples
from conftest import files_below, run, wait_until


def test_our_client_and_storescp_understand_each_other(storescp):
    port, folder = storescp()
    one = samples.instance()
    with dul.Association(port, [(dul.VERIFICATION, [dul.IMPLICIT]), (one.sop_class, [one.syntax])]) as association:
        assert association.echo() == 0
        assert association.store(one.sop_class, one.uid, one.raw).Status == 0
    path, = wait_until(lambda: files_below(folder), 10)
    assert samples.load(path).raw == one.raw


def test_storescu_and_our_acceptor_understand_each_other(tmp_path):
    ones = [samples.instance(syntax) for syntax in (dul.EXPLICIT, dul.BIG_ENDIAN, dul.IMPLICIT)]
    paths = [one.save(tmp_path / f"{n}.dcm") for n, one in enumerate(ones)]
    with dul.Acceptor() as acceptor:
        for one, path, option in zip(ones, paths, ("-xe", "-xb", "-xi")):
            done = run("storescu", option, "127.0.0.1", acceptor.port, path)
            assert done.code == 0, done
        assert [(uid, syntax, raw) for uid, _, syntax, raw, _ in acceptor.stored] == \
               [(one.uid, one.syntax, one.raw) for one in ones]


def test_a_sample_is_what_pydicom_and_dcmdump_read(tmp_path):
    for syntax in (*samples.NATIVE, samples.RLE):
        one = samples.instance(syntax, PatientName="王^小明")
        path = one.save(tmp_path / "one.dcm")
        assert samples.load(path).raw == one.raw
        assert one.dataset().PatientName == "王^小明"
        done = run("dcmdump", "+P", "SOPInstanceUID", path)
        assert one.uid in done.out and done.code == 0, done
        os.remove(path)
