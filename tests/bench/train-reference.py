"""One step of fine-tuning a CLIP vision tower in PyTorch on the CPU, eager, AdamW: loss, gradients, update on random pixels.
The architecture is read from the model folder's config.json; the modules are those of transformers' CLIPVisionModelWithProjection
(separate q, k and v, scaled_dot_product_attention, QuickGELU as x * sigmoid(1.702 x)) with a linear head of ten classes.
train-reference.py --model DIR --mode full|lora|last2 [--batch 16] [--steps 6] [--threads 2] [--fused] [--paced]
--paced: one line of standard input starts one step, and one line says that it is done, so that another program can take turns.
Prints {msPerImage, msForwardPerImage, peakRssMb, ...}."""
import argparse
import json
import pathlib
import resource
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--mode", default="full")
parser.add_argument("--batch", type=int, default=16)
parser.add_argument("--steps", type=int, default=6)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rank", type=int, default=2)
parser.add_argument("--fused", action="store_true")
parser.add_argument("--paced", action="store_true")
args = parser.parse_args()
torch.set_num_threads(args.threads)
torch.manual_seed(0)
config = json.loads((pathlib.Path(args.model) / "config.json").read_text())
width, heads, layers = config["hidden_size"], config["num_attention_heads"], config["num_hidden_layers"]
side, patch, hidden = config["image_size"], config["patch_size"], config["intermediate_size"]
CLASSES = 10


class Lora(nn.Module):
    """x W + b + (x A) B; B starts at 0."""

    def __init__(self, base, rank):
        super().__init__()
        self.base = base
        self.a = nn.Parameter(torch.randn(rank, base.in_features) * 0.02)
        self.b = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x):
        return self.base(x) + F.linear(F.linear(x, self.a), self.b)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x):
        batch, tokens, _ = x.shape
        q, k, v = (p(x).view(batch, tokens, heads, -1).transpose(1, 2) for p in (self.q, self.k, self.v))
        y = F.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).reshape(batch, tokens, width))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.attention, self.norm2 = nn.LayerNorm(width), Attention(), nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        h = self.fc1(self.norm2(x))
        h = h * torch.sigmoid(1.702 * h) if config["hidden_act"] == "quick_gelu" else F.gelu(h)
        return x + self.fc2(h)


class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch, bias=False)
        self.token = nn.Parameter(torch.randn(width))
        self.positions = nn.Parameter(torch.randn((side // patch) ** 2 + 1, width) * 0.02)
        self.pre, self.post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.blocks = nn.ModuleList(Block() for _ in range(layers))
        self.projection = nn.Linear(width, config["projection_dim"], bias=False) if "projection_dim" in config else nn.Identity()
        self.head = nn.Linear(config.get("projection_dim", width), CLASSES, bias=False)

    def forward(self, pixels):
        x = self.patches(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), 1, width), x], 1) + self.positions
        x = self.pre(x)
        for block in self.blocks:
            x = block(x)
        return self.head(self.projection(self.post(x[:, 0])))


model = Tower()
if args.mode == "last2":
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for part in (*model.blocks[-2:], model.post, model.projection, model.head):
        for parameter in part.parameters():
            parameter.requires_grad_(True)
elif args.mode == "lora":
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    model.head.weight.requires_grad_(True)
    for block in model.blocks:  # CLIP-LoRA: rank 2 on q, k and v of every block
        for name in ("q", "k", "v"):
            setattr(block.attention, name, Lora(getattr(block.attention, name), args.rank))
elif args.mode != "full":
    raise SystemExit(f"There is no mode {args.mode}.")
trained = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=1e-5, **({"fused": True} if args.fused else {}))
pixels = torch.rand(args.batch, 3, side, side) * 2 - 1
targets = torch.eye(CLASSES)[torch.arange(args.batch) % CLASSES]
steps, forwards, updates, cpu = [], [], [], []


def turn():
    if args.paced:
        print("ready", flush=True)
        input()


for i in range(-2, args.steps):
    turn()
    start, before = time.perf_counter(), time.process_time()
    optimizer.zero_grad()
    F.cross_entropy(model(pixels), targets).backward()
    middle = time.perf_counter()
    optimizer.step()
    if i >= 0:
        steps.append(time.perf_counter() - start)
        updates.append(time.perf_counter() - middle)
        cpu.append(time.process_time() - before)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
with torch.inference_mode():
    for i in range(-1, args.steps):
        turn()
        start = time.perf_counter()
        model(pixels)
        if i >= 0:
            forwards.append(time.perf_counter() - start)
ms = lambda seconds: statistics.median(seconds) * 1000 / args.batch
print(json.dumps({"msPerImage": ms(steps), "msForwardPerImage": ms(forwards), "msOptimizerPerImage": ms(updates),
                  "cpuMsPerImage": ms(cpu),
                  "peakRssMb": round(peak), "mode": args.mode, "batch": args.batch, "device": "cpu", "steps": steps, "forwards": forwards}))
