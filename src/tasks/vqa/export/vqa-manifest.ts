import { z } from 'zod';
import { taskDtypes } from '../../stored-weights.js';

/** Beside the ONNX files of an exported head: what it is, for whoever runs it. */
export const vqaManifestFile = 'vqa.json';

export const vqaManifest = z.object({
  kind: z.literal('vqa-export'),
  dtype: z.enum(taskDtypes),
  answers: z.array(z.string().min(1)).min(1),
  /** Tokens that a question is padded to. */
  text_tokens: z.int().positive().max(65_536),
  image_size: z.int().positive().max(65_536),
});

export type VqaManifest = z.infer<typeof vqaManifest>;
