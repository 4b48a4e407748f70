import { closest, UserError } from '../../../errors.js';
import { openEmojiVqa } from './emoji-vqa.js';
import type { VqaDataset } from './question.js';

/** All that `--data` of `promptkd vqa` understands. */
export const vqaDataKinds = ['emoji-vqa', 'vqav2:DIR', 'gqa:DIR', 'clevr:DIR', 'csv:FILE'] as const;

/**
 * Opens questions about images by their description: `emoji-vqa`, built in, or a kind with a path.
 *
 * @param spec as `--data` of `promptkd vqa` takes it; see {@link vqaDataKinds}
 * @throws UserError for anything else, with the nearest, or data that cannot be read
 * @example
 * const { splits } = await openVqa('vqav2:data/vqa'); // or 'emoji-vqa'
 * console.log(splits.val?.[0]?.question);
 */
export async function openVqa(spec: string): Promise<VqaDataset> {
  const [kind = '', ...rest] = spec.split(':');
  const path = rest.join(':');
  if (kind === 'emoji-vqa' && path === '') return openEmojiVqa();
  if (path !== '') {
    switch (kind) {
      case 'vqav2':
        return (await import('./vqav2.js')).openVqav2(path);
      case 'gqa':
        return (await import('./gqa.js')).openGqa(path);
      case 'clevr':
        return (await import('./clevr.js')).openClevr(path);
      case 'csv':
        return (await import('./csv.js')).openVqaCsv(path);
    }
  }
  const kinds = vqaDataKinds.map((one) => one.split(':')[0]!);
  const near = closest(kind, kinds);
  const usage = vqaDataKinds.find((one) => one.split(':')[0] === near);
  throw new UserError(
    `--data ${spec}: expected one of ${vqaDataKinds.join(', ')}${usage ? `; did you mean ${usage}?` : ''}`,
  );
}
