"""Steps of the CVPR 2024 recipe as its public code takes them: both towers of the prompted teacher run again at every step,
without gradients; then the student's prompted vision tower and projector, the loss, and SGD. With a schedule the rate is
PyTorch's cosine, stepped an epoch at a time behind a first epoch of constant warm-up. With stored targets the teacher does not
run: `targets/images` [N, P] are its features of the images `pixels` [N, 3, S, S], `targets/texts` those of the classes, and
`order` says which images each step sees. The way `parameters` also gives what was learned, by name; the way `accuracy` the share
of the images `measured/…` whose class is told apart from the others of its half, base or novel."""
import sys

import torch
import torch.nn.functional as F

import clip
import job

tensors, settings = job.read(sys.argv[1])
t_config, s_config = settings["teacher"], settings["student"]
teacher, student = clip.fuse(job.under(tensors, "teacher/")), clip.fuse(job.under(tensors, "student/"))
pixels, stored, measured = tensors["pixels"], job.under(tensors, "targets/"), job.under(tensors, "measured/")
if not stored:
    ids, ends = tensors["ids"].long(), tensors["ends"].long()
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


def student_features(batch, training):
    embed, _, _ = clip.vision(student, s_config["vision_config"], batch, prompts)
    inner = clip.dense(projector, "fc1", embed)
    inner = F.batch_norm(inner, running["running_mean"], running["running_var"], projector["bn.weight"],
                         projector["bn.bias"], training=training)
    return clip.dense(projector, "fc2", F.relu(inner))


def taught(number):
    """Pixels of a step, the teacher's features of them and of the classes."""
    if stored:
        rows = tensors["order"][number].long()
        return pixels[rows], stored["images"][rows], stored["texts"]
    batch = pixels[number % len(pixels)]
    texts, _ = clip.text(teacher, t_config["text_config"], ids, ends, teacher_text)
    images, _, _ = clip.vision(teacher, t_config["vision_config"], batch, teacher_vision)
    return batch, images, texts


def accuracy():
    """Top-1 of the measured images among the classes of their own half."""
    novel, labels = measured["novel"].bool(), measured["labels"].long()
    with torch.no_grad():
        features = torch.cat([student_features(batch, False) for batch in measured["pixels"].split(64)])
        scores = clip.logits(features, stored["texts"], student["logit_scale"])
    scores = scores.masked_fill(novel[labels][:, None] != novel[None], float("-inf"))
    right = (scores.argmax(-1) == labels).float()
    return {half: right[novel[labels] == own].mean().item() for half, own in (("base", False), ("novel", True))}


def step(number, way=None):
    if schedule:
        warm(number)
    with torch.no_grad():
        batch, images, texts = taught(number)
        wanted = clip.logits(images, texts, teacher["logit_scale"])
    features = student_features(batch, True)
    loss = 1000 * clip.divergence(clip.logits(features, texts, student["logit_scale"]), wanted, 1.0) / len(texts)
    optimizer.zero_grad()
    loss.backward()
    if settings.get("clip"):
        torch.nn.utils.clip_grad_norm_(trained, settings["clip"])
    optimizer.step()
    more = {"parameters": learned} if way == "parameters" else {"accuracy": accuracy} if way == "accuracy" else {}
    return {"total": loss.item(), **{name: of() for name, of in more.items()}}


job.serve(step)
