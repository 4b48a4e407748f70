import type { Scoring } from '../math/index.js';
import type { ClipConfig } from './config.js';

/** What differs between the families of models, beside the layers of their towers. */
export interface Family {
  /** For people. */
  readonly name: string;
  /** Its class in Hugging Face's transformers, and that of the image side alone. */
  readonly modelClass: string;
  readonly visionClass: string;
  /** Of the embeddings in ONNX files, as Hugging Face's exports and Transformers.js name them. */
  readonly outputs: { readonly image: string; readonly text: string };
  /** Most that training lets `logit_scale` become, the logarithm of the factor on cosines; left out: it has no bound. */
  readonly largestLogitScale?: number;
  /** Whether logits have `logit_bias` added. */
  readonly hasLogitBias: boolean;
  /** The contrastive loss that it is trained with: softmax over a batch's rows and columns, or a sigmoid for each pair. */
  readonly contrastiveLoss: 'softmax' | 'sigmoid';
  /** Whether every text is padded to the text tower's full length. */
  readonly fixedTextLength: boolean;
  /** Whether the vision tower has a class token, and a norm in front of its blocks. */
  readonly hasClassToken: boolean;
}

/** Facts of the families, by `model_type`. */
export const families = {
  /** Radford et al. 2021; exp(logit_scale) is at most 100, section 2.5. */
  clip: {
    name: 'CLIP',
    modelClass: 'CLIPModel',
    visionClass: 'CLIPVisionModelWithProjection',
    outputs: { image: 'image_embeds', text: 'text_embeds' },
    largestLogitScale: Math.log(100),
    hasLogitBias: false,
    contrastiveLoss: 'softmax',
    fixedTextLength: false,
    hasClassToken: true,
  },
  /** Zhai et al., arXiv 2303.15343, who bound nothing: the published models end at factors above 100. */
  siglip: {
    name: 'SigLIP',
    modelClass: 'SiglipModel',
    visionClass: 'SiglipVisionModel',
    outputs: { image: 'pooler_output', text: 'pooler_output' },
    hasLogitBias: true,
    contrastiveLoss: 'sigmoid',
    fixedTextLength: true,
    hasClassToken: false,
  },
} as const satisfies Record<string, Family>;

/** What encoders of any origin call their embedding, most telling first; the last is sentence-transformers'. */
export const embeddingOutputs = {
  image: [families.clip.outputs.image, families.siglip.outputs.image, 'sentence_embedding'],
  text: [families.clip.outputs.text, families.siglip.outputs.text, 'sentence_embedding'],
} as const;

/**
 * How a model's logits become probabilities of classes. With a bias, as SigLIP's, σ(z) says of each class by itself whether the
 * image shows it (Zhai et al., section 3.2); without one, as CLIP's, or where a file does not tell it, only the choice means
 * something.
 */
export function scoringOf(logitBias: number | undefined): Scoring {
  return logitBias === undefined ? 'softmax' : 'sigmoid';
}

/** The family of a model. */
export function familyOf({ model_type }: Pick<ClipConfig, 'model_type'>): Family {
  return families[model_type ?? 'clip'];
}

/**
 * The output of an encoder that is its embedding: a file says itself which it has, by the names of its outputs.
 *
 * @returns undefined where none of the known names is among them
 */
export function embeddingOutput(kind: keyof typeof embeddingOutputs, outputs: readonly string[]): string | undefined {
  return embeddingOutputs[kind].find((name) => outputs.includes(name));
}
