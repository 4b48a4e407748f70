/**
 * Tensor parallelism (Megatron-LM, Shoeybi et al., arXiv 1909.08053, section 3): each of N ranks has 1/N of the heads of
 * every attention and of the hidden units of every MLP. Its first products have their output columns split, its last one
 * its input rows; one sum over the ranks ends each half of a block in the forward pass, and begins it in the backward pass.
 *
 * @returns the axis along which a block's parameter is split over the ranks; undefined for one that every rank has whole
 */
export function shardAxis(name: string): 0 | 1 | undefined {
  if (/\.layers\.\d+\.(self_attn\.[qkv]_proj|mlp\.fc1)\.(weight|bias)$/.test(name)) return 0;
  return /\.layers\.\d+\.(self_attn\.out_proj|mlp\.fc2)\.weight$/.test(name) ? 1 : undefined;
}

/** The shape of one rank's part. */
export function shardShape(shape: readonly number[], axis: number | undefined, ranks: number): readonly number[] {
  return axis === undefined ? shape : shape.map((size, i) => (i === axis ? size / ranks : size));
}
