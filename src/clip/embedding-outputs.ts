/**
 * What ONNX encoders call the embedding of an image and of a text, in the order they are looked for: CLIP's, SigLIP's,
 * sentence-transformers'. A file says itself which it has, by the names of its outputs.
 */
export const embeddingOutputs = {
  image: ['image_embeds', 'pooler_output', 'sentence_embedding'],
  text: ['text_embeds', 'pooler_output', 'sentence_embedding'],
} as const satisfies Record<string, readonly string[]>;

/**
 * The output of an encoder that is its embedding.
 *
 * @param outputs the file's own
 * @returns undefined where none of the known names is among them
 */
export function embeddingOutput(kind: keyof typeof embeddingOutputs, outputs: readonly string[]): string | undefined {
  return embeddingOutputs[kind].find((name) => outputs.includes(name));
}
