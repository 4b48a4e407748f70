"""Work of a vision tower on PyTorch's GPU: `extract` (no gradients), `prompts` (the gradient to deep prompts through frozen
weights, and AdamW on them) and `full` (all gradients, and AdamW). Each line of stdin names the work and a precision: `fp32`,
`tf32` (products of fp32 on the tensor cores) or `mixed` (autocast to fp16, with a loss scale)."""
import sys

import torch

import clip
import job

tensors, settings = job.read(sys.argv[1])
config = settings["config"]["vision_config"]
host_pixels = tensors.pop("pixels").pin_memory()
tensors = {name: tensor.cuda() for name, tensor in tensors.items()}
frozen = clip.fuse(job.under(tensors, "student/"))
trained = {name: tensor.clone().requires_grad_() for name, tensor in frozen.items()}
prompts = [tensor.requires_grad_() for _, tensor in sorted(job.under(tensors, "prompts/").items())]
optimizers = {
    "full": torch.optim.AdamW(trained.values(), lr=1e-5, fused=True),
    "prompts": torch.optim.AdamW(prompts, lr=1e-5, fused=True),
}
scalers = {work: torch.amp.GradScaler("cuda", init_scale=2.0**16) for work in optimizers}


def step(_, work, precision):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    mixed = precision == "mixed"
    pixels = host_pixels.cuda(non_blocking=True)
    with torch.autocast("cuda", torch.float16, enabled=mixed):
        if work == "extract":
            with torch.inference_mode():
                embed = clip.vision(frozen, config, pixels)[0].float()
                return {"sum": embed.abs().mean().item()}
        embed = clip.vision(trained if work == "full" else frozen, config, pixels, prompts if work == "prompts" else ())[0]
        loss = embed.float().square().mean()
    optimizer, scaler = optimizers[work], scalers[work]
    if mixed:
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
    else:
        loss.backward()
        optimizer.step()
    optimizer.zero_grad()
    return {"sum": loss.item()}


job.serve(step)
