import type { RawImage } from '../data/index.js';
import { white } from './background.js';
import { cutOut } from './cut.js';

/** An image without its transparency, on white. @returns [height, width, 3]; of an opaque image its own memory */
export function onWhite(image: RawImage): Uint8Array {
  const { width, height, channels, data } = image;
  return channels === 3 ? data : cutOut(image, { left: 0, top: 0, width, height }, white);
}
