"""sheet.py SHOW OUT FOLDER...: every object of the folders as a small picture on OUT/sheet.png, by tests/image/show.c; see
tools/gallery.sh. OUT/list.txt names them in their order, with what SHOW said of those that have no picture."""
import concurrent.futures
import os
import subprocess
import sys

import pydicom
from PIL import Image, ImageDraw, ImageFont

FONT = "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"
SIDE, LABEL, ACROSS = 180, 26, 20
PRESENTATION = "1.2.840.10008.5.1.4.1.1.11."


def objects(folders):
    for folder in folders:
        for root, folders_, names in os.walk(folder):
            folders_.sort()
            for name in sorted(names):
                path = os.path.join(root, name)
                with open(path, "rb") as file:
                    head = file.read(132)
                if head[128:] == b"DICM" or name.endswith((".dcm", ".dic", ".wl")):
                    yield path, os.path.relpath(path, folder)


def identity(path):
    try:
        return pydicom.dcmread(path, stop_before_pixels=True, force=True)
    except Exception:  # pylint: disable=broad-except
        return pydicom.Dataset()


def image_of(state, images):
    """Of the images that a presentation state speaks of, one that is there."""
    for series in state.get("ReferencedSeriesSequence") or []:
        for image in series.get("ReferencedImageSequence") or []:
            if str(image.get("ReferencedSOPInstanceUID", "")) in images:
                return images[str(image.ReferencedSOPInstanceUID)]
    return None


def picture(show, out, number, path, state):
    """(a picture or None, what was said)"""
    target = os.path.join(out, f"{number}.pnm")
    options = [f"state={state}", f"font={FONT}"] if state else []
    try:
        done = subprocess.run([show, f"rows={SIDE}", f"columns={SIDE}", *options, path, target], capture_output=True,
                              timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return None, "TIMEOUT"
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode not in (0, 3):
        return None, f"CRASHED with {done.returncode}: {said[-300:]}"
    if done.returncode == 3:
        return None, said
    with Image.open(target) as image:
        image.load()
    os.unlink(target)
    return image, said


def main():
    show, out, *folders = sys.argv[1:]
    found = list(objects(folders))
    heads = [identity(path) for path, _ in found]
    images = {str(head.get("SOPInstanceUID", "")): path for head, (path, _) in zip(heads, found)
              if "Rows" in head and "SOPInstanceUID" in head}

    def work(number):
        path, head = found[number][0], heads[number]
        if not str(head.get("SOPClassUID", "")).startswith(PRESENTATION):
            return picture(show, out, number, path, None)
        image = image_of(head, images)
        return picture(show, out, number, image, path) if image else (None, "the image is not here")

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        pictures = list(pool.map(work, range(len(found))))
    rows = (len(found) + ACROSS - 1) // ACROSS
    sheet = Image.new("RGB", (ACROSS * (SIDE + 4), rows * (SIDE + LABEL)), (40, 40, 60))
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.truetype(FONT, 10) if os.path.exists(FONT) else ImageFont.load_default()
    crashed = 0
    with open(os.path.join(out, "list.txt"), "w", encoding="utf-8") as listing:
        for number, ((_, name), (image, said)) in enumerate(zip(found, pictures)):
            x, y = number % ACROSS * (SIDE + 4), number // ACROSS * (SIDE + LABEL)
            if image:
                sheet.paste(image, (x + (SIDE - image.width) // 2, y + (SIDE - image.height) // 2))
            else:
                for line in range(0, min(len(said), 180), 30):
                    draw.text((x + 4, y + 40 + line // 2), said[line:line + 30], (200, 140, 140), font)
            draw.text((x + 2, y + SIDE), os.path.dirname(name)[-30:], (150, 150, 190), font)
            draw.text((x + 2, y + SIDE + 12), os.path.basename(name)[:32], (230, 230, 230), font)
            listing.write(f"{number // ACROSS + 1}.{number % ACROSS + 1}\t{name}\t{'' if image else said}\n")
            crashed += said.startswith(("CRASHED", "TIMEOUT"))
    sheet.save(os.path.join(out, "sheet.png"))
    print(f"{sum(1 for image, _ in pictures if image)} pictures of {len(found)} objects: {out}/sheet.png, list.txt")
    sys.exit(1 if crashed else 0)


main()
