export { type CascadeAnswer, type CascadeOptions, cascade, type OpenCascade, type TwoModels } from './cascade.js';
export { type ClassifyOptions, type ClassProbability, classify } from './classify.js';
export { type DistillFields, distill, type EverydayDistillOptions } from './distill.js';
export { type Embeddings, type EmbedInputs, embed } from './embed.js';
export type { GivenImage } from './given-image.js';
export type { AnyModel, EncodeOptions } from './open-encoder.js';
