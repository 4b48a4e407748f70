"""Plain inference of a vision tower: what extracting a teacher's image features costs in PyTorch."""
import sys

import torch

import clip
import job

tensors, settings = job.read(sys.argv[1])
config, p = settings["config"], clip.fuse(job.under(tensors, "teacher/"))


@torch.inference_mode()
def step(_):
    return {"sum": clip.vision(p, config["vision_config"], tensors["pixels"])[0].abs().sum().item()}


job.serve(step)
