"""The usual Python way from a folder to features: PIL, numpy, onnxruntime, one file after the other in batches.
embed-reference.py IMAGES MODEL [THREADS] [LIMIT]; prints {imagesPerSecond, images, seconds, cpuMsPerImage}."""
import json
import pathlib
import resource
import sys
import time

import numpy as np
import onnxruntime as ort
from PIL import Image, ImageOps

images, model = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
threads = int(sys.argv[3]) if len(sys.argv) > 3 else 2
limit = int(sys.argv[4]) if len(sys.argv) > 4 else 10**9
BATCH = 16

config = json.loads((model / "preprocessor_config.json").read_text())
edge = config["size"]["shortest_edge"]
crop = config["crop_size"]["height"]
mean = np.array(config["image_mean"], np.float32)
std = np.array(config["image_std"], np.float32)


def pixels(file):
    image = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
    w, h = image.size
    size = (edge, int(edge * h / w)) if w <= h else (int(edge * w / h), edge)
    image = image.resize(size, config["resample"])
    left, top = (size[0] - crop) // 2, (size[1] - crop) // 2
    image = image.crop((left, top, left + crop, top + crop))
    x = (np.asarray(image, np.float32) * np.float32(config["rescale_factor"]) - mean) / std
    return x.transpose(2, 0, 1)


onnx = model / "onnx"
file = onnx / "vision_model.onnx"
options = ort.SessionOptions()
options.intra_op_num_threads = threads
session = ort.InferenceSession(str(file if file.exists() else onnx / "model.onnx"), options, providers=["CPUExecutionProvider"])
names = [o.name for o in session.get_outputs()]
output = next(n for n in ("image_embeds", "pooler_output", "last_hidden_state", "logits") if n in names)
feed = session.get_inputs()[0].name
suffixes = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp"}
files = sorted(p for p in images.rglob("*") if p.suffix.lower() in suffixes)[:limit]
run = lambda part: session.run([output], {feed: np.stack([pixels(f) for f in part])})[0]
run(files[:4])
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


start, cpu_before = time.perf_counter(), cpu()
features = np.concatenate([run(files[i:i + BATCH]) for i in range(0, len(files), BATCH)])
seconds = time.perf_counter() - start
print(json.dumps({"imagesPerSecond": len(features) / seconds, "images": len(features), "seconds": seconds,
                  "cpuMsPerImage": (cpu() - cpu_before) / len(features) * 1000}))
