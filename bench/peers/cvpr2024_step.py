"""Steps of the CVPR 2024 recipe as its public code takes them: both towers of the prompted teacher run again at every step,
without gradients; then the student's prompted vision tower and projector, the loss, and SGD. With a schedule the rate is
PyTorch's cosine, stepped an epoch at a time behind a first epoch of constant warm-up. The way `parameters` also gives what
was learned, by name."""
import sys

import torch
import torch.nn.functional as F

import clip
import job

tensors, settings = job.read(sys.argv[1])
t_config, s_config = settings["teacher"], settings["student"]
teacher, student = clip.fuse(job.under(tensors, "teacher/")), clip.fuse(job.under(tensors, "student/"))
pixels, ids, ends = tensors["pixels"], tensors["ids"].long(), tensors["ends"].long()
if pixels.dim() == 4:
    pixels = pixels[None]  # the same batch at every step


def deep(prefix):
    own = job.under(tensors, prefix)
    return [own[str(layer)] for layer in range(len(own))]


teacher_vision, teacher_text = deep("teacher_prompts/vision."), deep("teacher_prompts/text.")
prompts, projector = deep("prompts/vision."), job.under(tensors, "projector/")
running = {name: projector.pop(f"bn.{name}") for name in ("running_mean", "running_var")}
trained = [*prompts, *projector.values()]
for p in trained:
    p.requires_grad_()
optimizer = torch.optim.SGD(trained, lr=settings["lr"], momentum=0.9, weight_decay=5e-4)
schedule = settings.get("schedule")
cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, schedule["epochs"]) if schedule else None


def warm(number):
    """The rate of the first epoch, and the schedule's steps between epochs."""
    epoch, step = divmod(number, schedule["steps_per_epoch"])
    if step > 0:
        return
    if epoch > 1:
        cosine.step()
    else:
        for group in optimizer.param_groups:
            group["lr"] = schedule["warmup_lr"] if epoch == 0 else settings["lr"]


def learned():
    named = {f"prompts/vision.{layer}": prompt for layer, prompt in enumerate(prompts)}
    named |= {f"projector/{name}": tensor for name, tensor in projector.items()}
    named |= {f"projector/bn.{name}": tensor for name, tensor in running.items()}
    return {name: tensor.detach().flatten().tolist() for name, tensor in named.items()}


def step(number, way=None):
    if schedule:
        warm(number)
    batch = pixels[number % len(pixels)]
    with torch.no_grad():
        texts, _ = clip.text(teacher, t_config["text_config"], ids, ends, teacher_text)
        images, _, _ = clip.vision(teacher, t_config["vision_config"], batch, teacher_vision)
        wanted = clip.logits(images, texts, teacher["logit_scale"])
    embed, _, _ = clip.vision(student, s_config["vision_config"], batch, prompts)
    inner = clip.dense(projector, "fc1", embed)
    inner = F.batch_norm(inner, running["running_mean"], running["running_var"], projector["bn.weight"],
                         projector["bn.bias"], training=True)
    features = clip.dense(projector, "fc2", F.relu(inner))
    loss = 1000 * clip.divergence(clip.logits(features, texts, student["logit_scale"]), wanted, 1.0) / len(texts)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return {"total": loss.item(), **({"parameters": learned()} if way == "parameters" else {})}


job.serve(step)
