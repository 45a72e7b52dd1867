"""test_states.py: images as presentation states show them, beside dcmp2pgm, pixel by pixel. DCMTK draws no graphics and
texts, no shutters and no displayed area, and cuts off where we round: a grey level."""
import os
import subprocess

import numpy as np
import pydicom
import pytest
from pydicom.sequence import Sequence

import test_looks as looks
import test_pictures as pictures

pytestmark = pictures.pytestmark


def ours(image, state, tmp_path, *options):
    return pictures.ours(image, tmp_path, f"state={state}", *options)


def theirs(image, state, tmp_path, frame=0):
    out = str(tmp_path / "theirs.pgm")
    done = subprocess.run(["dcmp2pgm", "-q", "-f", str(frame + 1), "-p", str(state), str(image), out],
                          capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return pictures.read_pnm(out)


def differ(a, b):
    """How many pixels do by more than a grey level."""
    assert a.shape == b.shape
    return int((np.abs(a - b) > 1).sum())


@pytest.fixture()
def scene(tmp_path):
    """An image of 40 by 60 pixels of 12 bits, and a state that says nothing, as dcmpsmk makes it."""
    ds = looks.image(rows=40, columns=60, bits=16)
    ds.BitsStored, ds.HighBit = 12, 11
    ds.PatientName, ds.PatientID, ds.StudyInstanceUID, ds.SeriesInstanceUID = "Nobody", "N1", "2.25.1", "2.25.2"
    ds.StudyDate = ds.StudyTime = ds.AccessionNumber = ds.ReferringPhysicianName = ds.PatientBirthDate = ""
    ds.PatientSex = ds.StudyID = ds.Manufacturer = ds.SeriesNumber = ds.InstanceNumber = ""
    ds.Modality = "OT"
    y, x = np.mgrid[:40, :60]
    ds.PixelData = ((x * 61 + y * 97) % 4096).astype("<u2").tobytes()
    ds["PixelData"].VR = "OW"
    return ds


def state_of(ds, tmp_path, change):
    """Paths of the image and of its state, in which values were changed."""
    image, state = tmp_path / "image.dcm", tmp_path / "state.dcm"
    looks.write(ds, image)
    subprocess.run(["dcmpsmk", "-q", str(image), str(state)], check=True, capture_output=True, timeout=60)
    by = pydicom.dcmread(state)
    for name, value in change.items():
        setattr(by, name, value)
    by.save_as(state)
    return image, state


def voi(**values):
    return Sequence([looks.item_of(**values)])


def table(entries, first, bits, value):
    item = looks.lut([entries % 65536, first, bits], [value(i) for i in range(entries)])
    item.ModalityLUTType = "US"
    return Sequence([item])


CHANGES = {
    "as it is": {},
    "window": {"SoftcopyVOILUTSequence": voi(WindowCenter=1000, WindowWidth=800)},
    "rescale and window": {"RescaleIntercept": "-1024", "RescaleSlope": "2", "RescaleType": "US",
                           "SoftcopyVOILUTSequence": voi(WindowCenter=3000, WindowWidth=5000)},
    "inverse": {"PresentationLUTShape": "INVERSE"},
    "modality table": {"ModalityLUTSequence": table(4096, 0, 12, lambda i: 4095 - i)},
    "tables": {"ModalityLUTSequence": table(4096, 0, 12, lambda i: 4095 - i),
               "SoftcopyVOILUTSequence": voi(VOILUTSequence=table(2000, 700, 10, lambda i: i * 1023 // 1999))},
    "turned": {"ImageRotation": 90, "ImageHorizontalFlip": "N"},
    "turned and flipped": {"ImageRotation": 270, "ImageHorizontalFlip": "Y"},
    "upside down": {"ImageRotation": 180, "ImageHorizontalFlip": "N"},
    "flipped": {"ImageRotation": 0, "ImageHorizontalFlip": "Y"},
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("photometric", ("MONOCHROME1", "MONOCHROME2"))
def test_states_show_what_dcmtk_shows(scene, tmp_path, name, photometric):
    scene.PhotometricInterpretation = photometric
    image, state = state_of(scene, tmp_path, CHANGES[name])
    assert differ(ours(image, state, tmp_path), theirs(image, state, tmp_path)) == 0


def test_real_states_show_what_dcmtk_shows(testdata, tmp_path):
    for image, state in (("ct-series-philips-head-phantom/ct_010.dcm", "pr/gsps_for_ct_010.dcm"),
                         ("pr/imageForPrLUTs.dcm", "pr/prLUTs.dcm")):
        image, state = os.path.join(testdata, image), os.path.join(testdata, state)
        assert differ(ours(image, state, tmp_path), theirs(image, state, tmp_path)) == 0


def test_the_displayed_area_is_cut_out_before_it_is_turned(scene, tmp_path):
    corners = {"DisplayedAreaTopLeftHandCorner": [50, 11], "DisplayedAreaBottomRightHandCorner": [21, 30]}
    area = Sequence([looks.item_of(PresentationSizeMode="MAGNIFY", PresentationPixelMagnificationRatio=1,
                                   PresentationPixelAspectRatio=[1, 1], **corners)])
    whole = {"ImageRotation": 0, "ImageHorizontalFlip": "Y"}
    image, state = state_of(scene, tmp_path, whole)
    all_of_it = theirs(image, state, tmp_path)
    image, state = state_of(scene, tmp_path, {**whole, "DisplayedAreaSelectionSequence": area})
    assert differ(ours(image, state, tmp_path), all_of_it[10:30, 10:40]) == 0
