"""Times one step of a ViT block stack in PyTorch (fp32, CPU) and prints it as JSON, as `promptkd bench step` does.

forward: no gradients. prompts: the gradient to the input tokens through frozen weights. full: all gradients, and SGD.
"""
import argparse
import json
import statistics
import time

import torch
import torch.nn as nn

parser = argparse.ArgumentParser()
parser.add_argument("--mode", choices=["forward", "prompts", "full"], required=True)
for name, value in dict(batch=8, layers=4, tokens=201, width=768, heads=12, runs=5, threads=2).items():
    parser.add_argument(f"--{name}", type=int, default=value)
args = parser.parse_args()
B, L, T, D = args.batch, args.layers, args.tokens, args.width
torch.set_num_threads(args.threads)


class QuickGELU(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.attn = nn.MultiheadAttention(D, args.heads)
        self.mlp = nn.Sequential(nn.Linear(D, 4 * D), QuickGELU(), nn.Linear(4 * D, D))

    def forward(self, x):
        h = self.ln1(x)
        x = x + self.attn(h, h, h, need_weights=False)[0]
        return x + self.mlp(self.ln2(x))


model = nn.Sequential(*[Block() for _ in range(L)])
for p in model.parameters():
    p.requires_grad_(args.mode == "full")
x = torch.randn(T, B, D, requires_grad=args.mode != "forward")


def step():
    if args.mode == "forward":
        with torch.no_grad():
            model(x)
        return
    y = model(x)
    (y * y).mean().backward()
    x.grad = None
    if args.mode == "full":
        with torch.no_grad():
            for p in model.parameters():
                p.sub_(p.grad, alpha=1e-4)
                p.grad = None


times = []
for i in range(2 + args.runs):
    start = time.perf_counter()
    step()
    if i >= 2:
        times.append(time.perf_counter() - start)
seconds = statistics.median(times)
flops = (2 * B * T * L * 12 * D * D + 4 * B * L * T * T * D) * {"forward": 1, "prompts": 2, "full": 3}[args.mode]
print(json.dumps({"mode": args.mode, "ms": seconds * 1e3, "gflops": flops / seconds / 1e9, "images_per_second": B / seconds}))
