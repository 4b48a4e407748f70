import { z } from 'zod';

/** Beside the ONNX files of an exported head: what it is, for whoever runs it. */
export const vqaManifestFile = 'vqa.json';

/** How the matrices of an export are stored, as Transformers.js names it. */
export const vqaDtypes = ['fp32', 'q8', 'q4'] as const;

export const vqaManifest = z.object({
  kind: z.literal('vqa-export'),
  dtype: z.enum(vqaDtypes),
  answers: z.array(z.string().min(1)).min(1),
  /** Tokens that a question is padded to. */
  text_tokens: z.int().positive(),
  image_size: z.int().positive(),
});

export type VqaManifest = z.infer<typeof vqaManifest>;
/** How the matrices of an export are stored. */
export type VqaDtype = VqaManifest['dtype'];
