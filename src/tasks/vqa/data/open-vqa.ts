import { type DataKind, parseDataSpec } from '../../../data/index.js';
import { openEmojiVqa } from './emoji-vqa.js';
import type { VqaDataset } from './question.js';

/** All that `--data` of `promptkd vqa` understands. */
export const vqaDataKinds: readonly DataKind[] = [
  {
    kind: 'emoji-vqa',
    usage: 'emoji-vqa',
    about: 'built in: questions about emoji-scenes, made by programs',
    options: [],
  },
  { kind: 'vqav2', usage: 'vqav2:DIR', about: 'VQAv2’s (or VQA’s) question and annotation files', options: [] },
  { kind: 'gqa', usage: 'gqa:DIR', about: 'GQA’s balanced questions', options: [] },
  { kind: 'clevr', usage: 'clevr:DIR', about: 'CLEVR', options: [] },
  { kind: 'csv', usage: 'csv:FILE', about: 'columns image, question, answer', options: [] },
];

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
  const { kind, path } = parseDataSpec(spec, vqaDataKinds);
  switch (kind) {
    case 'vqav2':
      return (await import('./vqav2.js')).openVqav2(path);
    case 'gqa':
      return (await import('./gqa.js')).openGqa(path);
    case 'clevr':
      return (await import('./clevr.js')).openClevr(path);
    case 'csv':
      return (await import('./csv.js')).openVqaCsv(path);
    default:
      return openEmojiVqa();
  }
}
