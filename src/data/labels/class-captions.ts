import { indefinite, nounOf } from '../../english/index.js';
import type { ImageKind } from '../dataset.js';

/** Captions of an image of which no more is known than its class: `a photo of an owl`, `owl`. */
export function classCaptions(name: string, kind: ImageKind): string[] {
  return kind === 'photos' ? [`a photo of ${indefinite(nounOf(name))}`, name] : [`a drawing of ${name}`, name];
}
