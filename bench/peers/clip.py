"""CLIP's towers with deep prompts in PyTorch, as functions of parameters named as Hugging Face's. Query, key and value are
one product, as in OpenAI's code; attention is PyTorch's fused kernel wherever its map is not asked for."""
import torch
import torch.nn.functional as F


def fuse(p):
    """The three input projections of each attention as one parameter: `qkv.weight` [3 D, D] and `qkv.bias`."""
    fused = {}
    for name, tensor in p.items():
        if ".q_proj." in name:
            parts = [p[name.replace("q_proj", part)] for part in ("q_proj", "k_proj", "v_proj")]
            fused[name.replace("q_proj", "qkv")] = torch.cat(parts)
        elif ".k_proj." not in name and ".v_proj." not in name:
            fused[name] = tensor
    return fused


def dense(p, name, x):
    return F.linear(x, p[f"{name}.weight"], p.get(f"{name}.bias"))


def norm(p, name, x, eps=1e-5):
    return F.layer_norm(x, x.shape[-1:], p[f"{name}.weight"], p[f"{name}.bias"], eps)


def attention(p, name, x, heads, mask, maps):
    """Self-attention of x [B, T, D]; with `maps` also its weights [B, H, T, T]."""
    B, T, D = x.shape
    q, k, v = dense(p, f"{name}.qkv", x).view(B, T, 3, heads, D // heads).permute(2, 0, 3, 1, 4)
    weights = None
    if maps:
        scores = (q * (D // heads) ** -0.5) @ k.transpose(-1, -2)
        weights = torch.softmax(scores if mask is None else scores + mask, -1)
        mixed = weights @ v
    else:
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return dense(p, f"{name}.out_proj", mixed.transpose(1, 2).reshape(B, T, D)), weights


def encoder(p, name, x, layers, heads, mask=None, before=None, maps=False):
    """Pre-norm blocks. Returns the output, each block's input and the output [L + 1], and each block's map [L]."""
    hidden, attentions = [], []
    for layer in range(layers):
        block = f"{name}.layers.{layer}"
        if before is not None:
            x = before(layer, x)
        hidden.append(x)
        mixed, weights = attention(p, f"{block}.self_attn", norm(p, f"{block}.layer_norm1", x), heads, mask, maps)
        attentions.append(weights)
        x = x + mixed
        inner = dense(p, f"{block}.mlp.fc1", norm(p, f"{block}.layer_norm2", x))
        x = x + dense(p, f"{block}.mlp.fc2", inner * torch.sigmoid(1.702 * inner))
    return x, [*hidden, x], attentions


def keep(x, kept):
    """The tokens of x [B, T, D] that `kept` [B, K] names by their rows of [B T, D]."""
    return x.reshape(-1, x.shape[-1])[kept.view(-1)].view(*kept.shape, -1)


def vision(p, config, pixels, prompts=(), maps=False, kept=None):
    """Pixels [B, 3, S, S]; prompts [n, D] a layer, behind the patches; the blocks read the tokens `kept` alone. Returns
    (embed [B, P], hidden, maps)."""
    B = pixels.shape[0]
    name = "vision_model.embeddings"
    patches = F.conv2d(pixels, p[f"{name}.patch_embedding.weight"], stride=config["patch_size"]).flatten(2).transpose(1, 2)
    start = p[f"{name}.class_embedding"].expand(B, 1, -1)
    x = torch.cat([start, patches], 1) + p[f"{name}.position_embedding.weight"]
    x = x if kept is None else keep(x, kept)
    own = x.shape[1]

    def wear(layer, x):
        return torch.cat([x[:, :own], prompts[layer].expand(B, -1, -1)], 1) if layer < len(prompts) else x

    x = norm(p, "vision_model.pre_layrnorm", wear(0, x))
    x, hidden, weights = encoder(
        p, "vision_model.encoder", x, config["num_hidden_layers"], config["num_attention_heads"],
        before=lambda layer, x: wear(layer, x) if layer > 0 else x, maps=maps,
    )
    return F.linear(norm(p, "vision_model.post_layernorm", x[:, 0]), p["visual_projection.weight"]), hidden, weights


def text(p, config, ids, ends, prompts=(), insert=False):
    """Ids [N, L], positions of the end tokens [N]; prompts [n, D] or [N, n, D] a layer, behind the start token, in the place
    of tokens or, with `insert`, before them. Returns (embed [N, P], last hidden state)."""
    N = ids.shape[0]
    count = prompts[0].shape[-2] if prompts else 0

    def wear(layer, x, skip):
        if layer >= len(prompts):
            return x
        return torch.cat([x[:, :1], prompts[layer].expand(N, -1, -1), x[:, 1 + skip:]], 1)

    x = wear(0, p["text_model.embeddings.token_embedding.weight"][ids], 0 if insert else count)
    T = x.shape[1]
    x = x + p["text_model.embeddings.position_embedding.weight"][:T]
    mask = torch.full((T, T), -1e9).triu(1)
    x, _, _ = encoder(
        p, "text_model.encoder", x, config["num_hidden_layers"], config["num_attention_heads"], mask,
        lambda layer, x: wear(layer, x, count) if layer > 0 else x,
    )
    last = x[torch.arange(N), ends + (count if insert else 0)]
    return F.linear(norm(p, "text_model.final_layer_norm", last), p["text_projection.weight"]), x


def logits(images, texts, logit_scale):
    return logit_scale.exp() * F.normalize(images, dim=-1) @ F.normalize(texts, dim=-1).T


def divergence(student, teacher, temperature):
    """T² KL(softmax(teacher / T) ‖ softmax(student / T)), the mean over rows."""
    s, t = F.log_softmax(student / temperature, -1), F.log_softmax(teacher / temperature, -1)
    return F.kl_div(s, t, reduction="sum", log_target=True) * temperature**2 / len(student)
