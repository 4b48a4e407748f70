import { closest, UserError } from '../errors.js';
import type { ImageTextDataset } from './dataset.js';
import { openEmoji } from './emoji/index.js';
import { openFolder } from './folder.js';

/**
 * Opens a data set by its description: `emoji`, or `folder:DIR`.
 *
 * @throws UserError for anything else, with the nearest
 */
export async function openDataset(spec: string): Promise<ImageTextDataset> {
  if (spec === 'emoji') return openEmoji();
  const [kind, ...rest] = spec.split(':');
  if (kind === 'folder' && rest.join(':')) return openFolder(rest.join(':'));
  const near = closest(kind!, ['emoji', 'folder']);
  throw new UserError(
    `--data ${spec}: expected emoji or folder:DIR${near ? `; did you mean ${near === 'folder' ? 'folder:DIR' : near}?` : ''}`,
  );
}
