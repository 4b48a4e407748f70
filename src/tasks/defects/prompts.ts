/**
 * WinCLIP's compositional prompt ensemble (Jeong et al., CVPR 2023, table 7): states, of which `{}` is the product's name, in
 * templates, of which `{}` is the state.
 */
export const soundStates = [
  '{}',
  'flawless {}',
  'perfect {}',
  'unblemished {}',
  '{} without flaw',
  '{} without defect',
  '{} without damage',
] as const;

export const damagedStates = ['damaged {}', '{} with flaw', '{} with defect', '{} with damage'] as const;

/** The paper's 22. Anomalib has 21: it lacks the second and has one of the others twice. */
export const templates = [
  'a cropped photo of the {}.',
  'a cropped photo of a {}.',
  'a close-up photo of a {}.',
  'a close-up photo of the {}.',
  'a bright photo of a {}.',
  'a bright photo of the {}.',
  'a dark photo of the {}.',
  'a dark photo of a {}.',
  'a jpeg corrupted photo of the {}.',
  'a jpeg corrupted photo of a {}.',
  'a blurry photo of the {}.',
  'a blurry photo of a {}.',
  'a photo of a {}.',
  'a photo of the {}.',
  'a photo of a small {}.',
  'a photo of the small {}.',
  'a photo of a large {}.',
  'a photo of the large {}.',
  'a photo of the {} for visual inspection.',
  'a photo of a {} for visual inspection.',
  'a photo of the {} for anomaly detection.',
  'a photo of a {} for anomaly detection.',
] as const;

/** All texts of a product in one state. */
export const ensemble = (states: readonly string[], product: string): string[] =>
  states.flatMap((state) => templates.map((template) => template.replace('{}', state.replace('{}', product))));
