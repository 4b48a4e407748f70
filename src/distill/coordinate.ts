/** Gradients by parameter name. */
export type Gradients = Record<string, Float32Array>;

/** Euclidean norm over all gradients together. */
export function gradientNorm(gradients: Gradients): number {
  let total = 0;
  for (const g of Object.values(gradients)) {
    for (let i = 0; i < g.length; i++) total += g[i]! * g[i]!;
  }
  return Math.sqrt(total);
}

/**
 * The coordinated gradient: g = clip(g_feature, c) + g_rest, with g_rest = g_response + γ·g_attention.
 *
 * clip(g, c) = g · min(1, c / ‖g‖), the norm over all parameters together; c = Infinity leaves it alone.
 * Gradients are linear, so the program hands over g_rest already added: two backward passes serve three losses.
 *
 * @param feature gradient of the feature loss; a parameter it does not reach may be missing
 * @param rest gradient of response + γ·attention; likewise
 * @param out where the sum goes (arrays are overwritten; every parameter of either must be there)
 * @returns the norm of the feature gradient before clipping
 */
export function coordinate(feature: Gradients, rest: Gradients, clip: number, out: Gradients): number {
  const norm = gradientNorm(feature);
  const scale = norm > clip ? clip / norm : 1;
  for (const [name, target] of Object.entries(out)) {
    const f = feature[name];
    const r = rest[name];
    if (f && r) for (let i = 0; i < target.length; i++) target[i] = scale * f[i]! + r[i]!;
    else if (f) for (let i = 0; i < target.length; i++) target[i] = scale * f[i]!;
    else if (r) target.set(r);
    else target.fill(0);
  }
  return norm;
}
