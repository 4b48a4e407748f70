export const benchModes = ['forward', 'prompts', 'full'] as const;
/**
 * forward: no gradients. prompts: the gradient to the input tokens through frozen weights. full: gradients of all
 * weights, and SGD.
 */
export type BenchMode = (typeof benchModes)[number];
