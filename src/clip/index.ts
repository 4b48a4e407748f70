export { initClip } from './initialise.js';
export { clipLogits } from './similarity.js';
export { type TextOptions, textTower } from './text.js';
export type { TowerResult } from './tower.js';
export { patchGrid, type VisionOptions, visionTower } from './vision.js';
