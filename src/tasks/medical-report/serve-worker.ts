import { decodeImage } from '../../data/index.js';
import { UserError } from '../../errors.js';
import { loadTowerModel } from '../../model/index.js';
import type { Answerer } from '../../serve/index.js';
import { loadReportIndex } from './corpus/index-folder.js';
import { draftText } from './draft/draft.js';
import { Drafter } from './draft-study.js';

/** What the thread is started with. */
export interface DraftSetup {
  readonly model: string;
  readonly index: string;
  readonly threads: number;
  readonly maxPixels: number;
}

/** Opens an index for the thread that answers `/v1/medical-report`. @throws UserError where it stands on another model */
export async function open({ model, index, threads, maxPixels }: DraftSetup): Promise<Answerer> {
  const drafter = await Drafter.open(await loadTowerModel(model, '--medical-report'), await loadReportIndex(index), {
    threads,
  });
  return {
    async answer({ images, fields }) {
      if (images.length === 0) throw new UserError('images: expected one or more views of one study, got none');
      const longest = Number.POSITIVE_INFINITY;
      const names = images.map((_, i) => `image ${i + 1}`);
      const decoded = await Promise.all(
        images.map((bytes, i) => decodeImage(bytes, names[i]!, { maxPixels, longest })),
      );
      const draft = await drafter.draft(decoded, names);
      return fields.text === true ? { header: draft.header, text: draftText(draft) } : { ...draft };
    },
    close: () => drafter.dispose(),
  };
}
