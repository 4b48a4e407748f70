import type { Picture } from '../data/index.js';
import { white } from './background.js';
import { cutOut } from './cut.js';

/** An image without its transparency, on white. @returns [height, width, 3]; of an opaque image its own memory */
export function onWhite(picture: Picture): Uint8Array {
  const { width, height, channels, data } = picture;
  return channels === 3 ? data : cutOut(picture, { left: 0, top: 0, width, height }, white);
}
