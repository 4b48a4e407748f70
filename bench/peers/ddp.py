"""A contrastive step of the CLIP of bench/scaling.mjs in PyTorch, data-parallel over gloo with global negatives (fp32, CPU).

    python -m torch.distributed.run --nproc-per-node 2 bench/peers/ddp.py [steps 12] [batch of all processes 32] [threads a process 1]

Beside it: node bench/ddp.mjs. Prints images a second. It needs a sympy of 1.13 or newer, which torch imports here.
"""
import sys
import time

import torch
import torch.distributed as dist
import torch.distributed.nn
import torch.nn as nn
import torch.nn.functional as F

steps, batch, threads = [int(v) for v in (sys.argv[1:] + ["12", "32", "1"][len(sys.argv) - 1 :])]
torch.set_num_threads(threads)
dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
own = batch // size


class QuickGELU(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), QuickGELU(), nn.Linear(4 * width, width))

    def forward(self, x, mask=None):
        h = self.ln1(x)
        x = x + self.attention(h, h, h, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.ln2(x))


class Clip(nn.Module):
    def __init__(self, side=64, patch=8, width=256, heads=4, joint=256, vocabulary=600, length=16):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch, bias=False)
        self.start = nn.Parameter(torch.randn(width) * 0.02)
        self.places = nn.Parameter(torch.randn((side // patch) ** 2 + 1, width) * 0.02)
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.vision = nn.ModuleList([Block(width, heads) for _ in range(6)])
        self.tokens = nn.Embedding(vocabulary, width)
        self.text_places = nn.Parameter(torch.randn(length, width) * 0.01)
        self.text = nn.ModuleList([Block(width, heads) for _ in range(3)])
        self.end = nn.LayerNorm(width)
        self.from_image, self.from_text = nn.Linear(width, joint, bias=False), nn.Linear(width, joint, bias=False)
        self.scale = nn.Parameter(torch.tensor(2.66))

    def forward(self, pixels, ids):
        x = self.patches(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.start.expand(len(x), 1, -1), x], 1) + self.places
        x = self.before(x)
        for block in self.vision:
            x = block(x)
        y = self.tokens(ids) + self.text_places[: ids.shape[1]]
        mask = torch.full((ids.shape[1],) * 2, float("-inf")).triu(1)
        for block in self.text:
            y = block(y, mask)
        image = F.normalize(self.from_image(self.after(x[:, 0])), dim=-1)
        text = F.normalize(self.from_text(self.end(y)[:, -1]), dim=-1)
        return image, text, self.scale.exp()


torch.manual_seed(1)
model = nn.parallel.DistributedDataParallel(Clip())
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
pixels, ids = torch.randn(own, 3, 64, 64), torch.randint(0, 600, (own, 7))
for step in range(steps):
    if step == 2:
        began = time.perf_counter()
    optimizer.zero_grad(set_to_none=True)
    image, text, scale = model(pixels, ids)
    images = torch.cat(torch.distributed.nn.all_gather(image))
    texts = torch.cat(torch.distributed.nn.all_gather(text))
    logits = scale * images @ texts.T
    labels = torch.arange(len(logits))
    loss = (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
if rank == 0:
    seconds = (time.perf_counter() - began) / (steps - 2)
    print(f"torch {torch.__version__}, gloo, {size} processes: {batch / seconds:.1f} images/s")
dist.destroy_process_group()
