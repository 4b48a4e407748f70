import { UserError } from '../../errors.js';
import { loadTowerModel } from '../../model/index.js';
import type { Answerer } from '../../serve/index.js';
import { type Asked, VqaAsker } from './ask.js';
import { loadVqaHead } from './head/vqa-head.js';

/** What the thread is started with. */
export interface AskSetup {
  readonly model: string;
  readonly head: string;
  readonly threads: number;
  readonly maxPixels: number;
}

/** Opens a head for the thread that answers `/v1/ask`. @throws UserError where it was trained on another model */
export async function open({ model, head, threads, maxPixels }: AskSetup): Promise<Answerer> {
  const asker = await VqaAsker.open(await loadTowerModel(model, '--vqa'), loadVqaHead(head), { threads, maxPixels });
  return {
    async answer({ images, fields }) {
      const [image] = images;
      if (image === undefined || images.length !== 1) {
        throw new UserError(
          `images: expected the one image that the question is about, got ${images.length || 'none'}`,
        );
      }
      return asker.ask(image, fields as unknown as Asked);
    },
    close: () => asker.close(),
  };
}
