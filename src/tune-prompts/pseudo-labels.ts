import { softmax } from '../math/index.js';

/** An image's pseudo-label. */
export interface PseudoLabel {
  /** Row of the image. */
  readonly image: number;
  /** Column of the class. */
  readonly label: number;
  readonly confidence: number;
}

/**
 * What a model takes unlabelled images for, where it is sure of it, and as many of each class as may be.
 *
 * Classes that the model favours are held back first: p̃(c | x) ∝ p(c | x) / mean over images of p(c | x), as
 * distribution alignment towards even classes (Berthelot et al., arXiv 1911.09785). Of the images whose likeliest class
 * has p̃ above the threshold, each class keeps the `perClass` surest (Huang et al., arXiv 2204.03649).
 *
 * @param logits [images, classes], with the model's scale in them
 * @param threshold from 0 to 1
 * @returns in the order of the images
 */
export function pseudoLabels(
  logits: Float32Array,
  classes: number,
  { threshold, perClass }: { readonly threshold: number; readonly perClass: number },
): PseudoLabel[] {
  const images = logits.length / classes;
  const probabilities = new Float64Array(logits.length);
  const prior = new Float64Array(classes);
  for (let i = 0; i < images; i++) {
    const row = probabilities.subarray(i * classes, (i + 1) * classes);
    softmax(logits.subarray(i * classes, (i + 1) * classes), 1, row);
    for (let c = 0; c < classes; c++) prior[c]! += row[c]! / images;
  }
  const byClass = new Map<number, PseudoLabel[]>();
  for (let image = 0; image < images; image++) {
    let total = 0;
    let [label, highest] = [0, -1];
    for (let c = 0; c < classes; c++) {
      const aligned = probabilities[image * classes + c]! / prior[c]!;
      total += aligned;
      if (aligned > highest) [label, highest] = [c, aligned];
    }
    const confidence = highest / total;
    if (confidence > threshold) byClass.set(label, [...(byClass.get(label) ?? []), { image, label, confidence }]);
  }
  return [...byClass.values()]
    .flatMap((own) => own.sort((a, b) => b.confidence - a.confidence).slice(0, perClass))
    .sort((a, b) => a.image - b.image);
}
