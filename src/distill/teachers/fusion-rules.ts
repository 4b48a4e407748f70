/** How several teachers' answers are put together. */
export const fusionRules = [
  'equal',
  'fixed',
  'confidence',
  'entropy',
  'agreement',
  'validated',
  'learned',
  'adaptive',
] as const;
/** How several teachers' answers are weighed. */
export type FusionRule = (typeof fusionRules)[number];
