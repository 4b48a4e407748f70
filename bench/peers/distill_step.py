"""The joint step of the dual-stream recipe in PyTorch: student with its prompts, four losses against stored targets, a
backward pass for the feature loss and one for the rest, coordination, and AdamW. Batches stand in memory; one with `kept`
drops patches of the student. Between two grids of patches layers and maps are interpolated. The way `live`
runs the teacher's image tower at every step instead of reading what is stored; its texts stay stored.

    python -m torch.distributed.run --nproc-per-node 2 bench/peers/distill_step.py JOB STEPS stored|live

trains by several processes over gloo: each has its part of images and texts, embeddings are gathered with their gradient, and
gradients are summed as DistributedDataParallel does, which itself takes one backward pass a step. Prints milliseconds a step,
those of the processor in all processes, and the first total loss. Beside it: node bench/ddp-distill.mjs."""
import os
import sys
import time

import torch
import torch.distributed as dist
import torch.distributed.nn
import torch.nn.functional as F

import clip
import job

tensors, settings = job.read(sys.argv[1])
together = "RANK" in os.environ
if together:
    dist.init_process_group("gloo")
rank, size = (dist.get_rank(), dist.get_world_size()) if together else (0, 1)
config, recipe, pairs = settings["config"], settings["recipe"], settings["pairs"]
teacher_config = settings["teacher_vision"]
last_hidden = f"target/hidden.{teacher_config['num_hidden_layers']}"
shape, losses = settings["prompt"], recipe["losses"]
rooms = {room: clip.fuse(job.under(tensors, f"{room}/")) for room in ("student", "prompt", "heads")}
student, prompt, heads = rooms.values()
teacher = clip.fuse(job.under(tensors, "teacher/"))
regrid = job.under(tensors, "regrid/")
side = config["vision_config"]["image_size"] // config["vision_config"]["patch_size"]
batches = [job.under(tensors, f"batch{i}/") for i in range(settings["batches"])]
for batch in batches:
    batch.update({name: batch[name].long() for name in ("ids", "ends", "kept") if name in batch})
captions = batches[0]["target/image"].shape[0]


def own(rows):
    """A process's part of rows."""
    return rows.chunk(size)[rank]


def own_texts(rows):
    """Its captions, then its classes."""
    return torch.cat([own(rows[:captions]), own(rows[captions:])])


def gathered(rows):
    """All processes' rows."""
    return torch.cat(torch.distributed.nn.all_gather(rows.contiguous())) if size > 1 else rows


def gathered_texts(rows):
    here = captions // size
    return torch.cat([gathered(rows[:here]), gathered(rows[here:])])


for batch in batches:
    for name in batch:
        if name in ("ids", "ends"):
            batch[name] = own_texts(batch[name])
        elif name not in ("target/image", "target/text"):
            batch[name] = own(batch[name])
names = [(room, name) for room in rooms for name in rooms[room]]
trained = [rooms[room][name].requires_grad_() for room, name in names]


def decays(room, name):
    return room != "heads" and rooms[room][name].dim() >= 2 and "position_embedding" not in name


groups = [
    {"params": [rooms[r][n] for r, n in names if decays(r, n) == wanted], "weight_decay": decay}
    for wanted, decay in ((True, recipe["optimizer"]["weight_decay"]), (False, 0.0))
]
betas = (recipe["optimizer"]["beta1"], recipe["optimizer"]["beta2"])
optimizer = torch.optim.AdamW(groups, lr=settings["lr"], betas=betas, fused=True)


def standard(x):
    return F.layer_norm(x, x.shape[-1:])


def root_feature(embed):
    return F.normalize(embed, dim=-1) * embed.shape[1] ** 0.5


def prompts_of(batch, captions):
    """Text prompts [N, n, D] a layer, and vision prompts [n, D] a layer from the mean over the class texts."""
    ids, ends = batch["ids"], batch["ends"]
    N, L = ids.shape
    mask = (torch.arange(L) <= ends[:, None]).float()
    words = F.linear(student["text_model.embeddings.token_embedding.weight"][ids], prompt["token_projection.weight"])
    x = words + prompt["position_embedding.weight"][:L]
    bias = ((1 - mask) * -1e9)[:, None, None, :]
    x, _, _ = clip.encoder(prompt, "encoder", x, shape["layers"], shape["heads"], bias)
    pooled = ((mask / mask.sum(-1, keepdim=True))[:, None] @ x)[:, 0]
    texts = gathered_texts(clip.norm(prompt, "final_layer_norm", pooled))
    n = shape["n_ctx"]
    text = [clip.dense(prompt, f"text_heads.{i}", texts).view(len(texts), n, -1) for i in range(shape["text_layers"])]
    task = texts[captions:].mean(0, keepdim=True)
    vision = [clip.dense(prompt, f"vision_heads.{i}", task).view(n, -1) for i in range(shape["vision_layers"])]
    return text, vision


@torch.no_grad()
def live_targets(pixels):
    """What the store holds of the teacher's image tower, computed now."""
    image, hidden, maps = clip.vision(teacher, teacher_config, pixels, maps=True)
    targets = {"target/image": gathered(image), last_hidden: hidden[-1]}
    for p in pairs:
        targets[f"target/hidden.{p['teacher']}"] = hidden[p["teacher"]]
        mean = maps[p["teacher"] - 1].mean(1)
        targets[f"target/attention.{p['teacher']}"] = mean / (mean.sum(-1, keepdim=True) + 1e-6)
    return targets


def moved(x, to):
    """Tokens [B, 1 + h w, D] on the other grid, `to_teacher` or `to_student`, where that is another."""
    return torch.cat([x[:, :1], regrid[to] @ x[:, 1:]], 1) if to in regrid else x


def moved_map(x, to):
    return rows(moved(moved(x, to).transpose(1, 2), to).transpose(1, 2)) if to in regrid else x


def rows(x):
    return x / (x.sum(-1, keepdim=True) + 1e-6)


def kept_targets(batch, kept):
    """The batch with the teacher's layers and maps of the kept tokens, on the student's grid."""
    hidden = {name: clip.keep(moved(x, "to_student"), kept) for name, x in batch.items() if "/hidden." in name}
    maps = {name: moved_map(x, "to_student") for name, x in batch.items() if "/attention." in name}
    maps = {
        name: rows(clip.keep(clip.keep(x, kept).transpose(1, 2), kept).transpose(1, 2)) for name, x in maps.items()
    }
    return {**batch, **hidden, **maps}


def step(number, way="stored"):
    batch = batches[number % len(batches)]
    if way == "live":
        batch = {**batch, **live_targets(batch["pixels"])}
    B, kept = len(batch["pixels"]), batch.get("kept")
    tokens = 1 + side**2 if kept is None else kept.shape[1]
    if kept is not None:
        batch = kept_targets(batch, kept)
    text_prompts, vision_prompts = prompts_of(batch, captions)
    worn = [own_texts(prompts) for prompts in text_prompts]
    image, hidden, maps = clip.vision(student, config["vision_config"], batch["pixels"], vision_prompts, True, kept)
    text, last = clip.text(student, config["text_config"], batch["ids"], batch["ends"], worn, insert=True)
    image, text = gathered(image), gathered_texts(text)
    seen = [state[:, :tokens] for state in hidden]
    seen = seen if kept is not None else [moved(state, "to_teacher") for state in seen]

    features = [
        (standard(seen[p["student"]]) @ heads[f"feature.hidden.{p['student']}-{p['teacher']}"]
         - standard(batch[f"target/hidden.{p['teacher']}"])).square().mean()
        for p in pairs
    ]
    for name, embed in (("image", image), ("text", text)):
        wanted = root_feature(batch[f"target/{name}"])
        features.append((root_feature(embed) @ heads[f"feature.{name}"] - wanted).square().mean())
    feature = losses["feature"]["weight"] * sum(features) / len(features)

    attention = []
    for p in pairs:
        mean = rows(maps[p["student"] - 1].mean(1)[:, :tokens, :tokens])
        mean = mean if kept is not None else moved_map(mean, "to_teacher")
        attention.append((mean - batch[f"target/attention.{p['teacher']}"]).square().mean())

    n = shape["n_ctx"]
    words = torch.cat([last[:B, :1], last[:B, 1 + n:]], 1)
    bias = torch.where(torch.arange(words.shape[1]) <= batch["ends"][:B, None], 0.0, -1e9)[:, None]
    query, key = seen[-1][:, 1:] @ heads["cross.query"], words @ heads["cross.key"]
    mine = torch.softmax(query @ key.transpose(1, 2) * query.shape[-1] ** -0.5 + bias, -1)
    with torch.no_grad():
        patches = batch[last_hidden][:, 1:]
        patches = F.linear(clip.norm(teacher, "vision_model.post_layernorm", patches), teacher["visual_projection.weight"])
        cosines = F.normalize(patches, dim=-1) @ F.normalize(batch["target/words"], dim=-1).transpose(1, 2)
        theirs = torch.softmax(cosines / losses["cross_modal"]["temperature"] + bias, -1)
    cross = (mine - theirs).square().mean()

    response = losses["response"]
    z = clip.logits(image, text, student["logit_scale"])
    with torch.no_grad():
        wanted = clip.logits(batch["target/image"], batch["target/text"], teacher["logit_scale"])
    T = response["temperature"]
    answer = (clip.divergence(z, wanted, T) + clip.divergence(z.T, wanted.T, T)) / 2
    vectors = [*text_prompts, *vision_prompts]
    penalty = sum(v.square().sum() for v in vectors) / sum(v.numel() for v in vectors)
    answer = answer + response["lambda"] * penalty

    gamma = recipe["coordination"]["gamma"]
    rest = response["weight"] * answer + gamma * (
        losses["attention"]["weight"] * sum(attention) / len(attention) + losses["cross_modal"]["weight"] * cross
    )
    first = torch.autograd.grad(feature, trained, retain_graph=True, allow_unused=True)
    second = torch.autograd.grad(rest, trained, allow_unused=True)
    first, second = over_processes(first), over_processes(second)
    length = torch.linalg.vector_norm(torch.stack(torch._foreach_norm([g for g in first if g is not None])))
    scale = torch.clamp(recipe["coordination"]["clip"] / length, max=1.0)
    for p, f, r in zip(trained, first, second):
        p.grad = r if f is None else f * scale if r is None else torch.add(r, f * scale)
    optimizer.step()
    with torch.no_grad():
        student["logit_scale"].clamp_(max=4.605170185988092)
    total = (feature + rest).detach()
    if size > 1:
        dist.all_reduce(total)
    return {"total": total.item() / size}


def over_processes(gradients):
    """Their means, in one flat buffer."""
    if size == 1:
        return gradients
    there = [g for g in gradients if g is not None]
    flat = torch.cat([g.reshape(-1) for g in there])
    dist.all_reduce(flat)
    parts = iter((flat / size).split([g.numel() for g in there]))
    return [None if g is None else next(parts).view_as(g) for g in gradients]


def timed(steps, way):
    first = step(0, way)["total"]
    step(1, way)
    began, before = time.perf_counter(), time.process_time()
    for number in range(2, steps):
        step(number, way)
    milliseconds = (time.perf_counter() - began) * 1e3 / (steps - 2)
    cpu = torch.tensor((time.process_time() - before) * 1e3 / (steps - 2))
    dist.all_reduce(cpu)
    if rank == 0:
        print(f'{{"ms": {milliseconds}, "cpu": {cpu.item()}, "total": {first}}}', flush=True)
    dist.destroy_process_group()


if together:
    timed(int(sys.argv[2]), sys.argv[3])
else:
    job.serve(step)
