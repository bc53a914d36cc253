"""The same work as images.ts in one Python process: PIL decodes, resizes and crops, numpy normalises.
images-reference.py IMAGES [REPEAT]; prints {imagesPerSecond, images, seconds, cpuMs}, the best of REPEAT passes."""
import json
import pathlib
import sys
import time

import numpy as np
from PIL import Image, ImageOps

EDGE = 224
mean = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
std = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


def pixels(file):
    image = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
    w, h = image.size
    size = (EDGE, int(EDGE * h / w)) if w <= h else (int(EDGE * w / h), EDGE)
    image = image.resize(size, Image.BICUBIC)
    left, top = (size[0] - EDGE) // 2, (size[1] - EDGE) // 2
    x = np.asarray(image.crop((left, top, left + EDGE, top + EDGE)), np.float32)
    return ((x * np.float32(1 / 255) - mean) / std).transpose(2, 0, 1)


suffixes = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp"}
files = sorted(p for p in pathlib.Path(sys.argv[1]).rglob("*") if p.suffix.lower() in suffixes)
passes = []
for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 3):
    start, cpu = time.perf_counter(), time.process_time()
    for i in range(0, len(files), 64):
        np.stack([pixels(f) for f in files[i : i + 64]])
    passes.append((time.perf_counter() - start, (time.process_time() - cpu) / len(files) * 1000))
seconds, cpu_ms = min(passes)
print(json.dumps({"imagesPerSecond": len(files) / seconds, "images": len(files), "seconds": seconds, "cpuMs": cpu_ms}))
