"""A step of the CVPR 2024 recipe as its public code takes it: both towers of the prompted teacher run again at every step,
without gradients; then the student's prompted vision tower and projector, the loss, and SGD."""
import sys

import torch
import torch.nn.functional as F

import clip
import job

tensors, settings = job.read(sys.argv[1])
t_config, s_config = settings["teacher"], settings["student"]
teacher, student = clip.fuse(job.under(tensors, "teacher/")), clip.fuse(job.under(tensors, "student/"))
pixels, ids, ends = tensors["pixels"], tensors["ids"].long(), tensors["ends"].long()


def deep(prefix):
    own = job.under(tensors, prefix)
    return [own[str(layer)] for layer in range(len(own))]


teacher_vision, teacher_text = deep("teacher_prompts/vision."), deep("teacher_prompts/text.")
prompts, projector = deep("prompts/vision."), job.under(tensors, "projector/")
running = [projector.pop("bn.running_mean"), projector.pop("bn.running_var")]
trained = [*prompts, *projector.values()]
for p in trained:
    p.requires_grad_()
optimizer = torch.optim.SGD(trained, lr=settings["lr"], momentum=0.9, weight_decay=5e-4)


def step(_):
    with torch.no_grad():
        texts, _ = clip.text(teacher, t_config["text_config"], ids, ends, teacher_text)
        images, _, _ = clip.vision(teacher, t_config["vision_config"], pixels, teacher_vision)
        wanted = clip.logits(images, texts, teacher["logit_scale"])
    embed, _, _ = clip.vision(student, s_config["vision_config"], pixels, prompts)
    inner = clip.dense(projector, "fc1", embed)
    inner = F.batch_norm(inner, *running, projector["bn.weight"], projector["bn.bias"], training=True)
    features = clip.dense(projector, "fc2", F.relu(inner))
    loss = 1000 * clip.divergence(clip.logits(features, texts, student["logit_scale"]), wanted, 1.0) / len(texts)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return {"total": loss.item()}


job.serve(step)
