import type { Example, ImageTextDataset, Picture } from '../data/index.js';

/** Pictures kept decoded in memory, in bytes. */
const limit = 512 * 2 ** 20;

/** Pictures of a list of examples: decoded once as far as memory goes, and at every call beyond. */
export class PictureCache {
  private readonly pictures = new Map<number, Picture>();
  private bytes = 0;

  constructor(
    private readonly dataset: ImageTextDataset,
    private readonly examples: readonly Example[],
  ) {}

  async get(index: number): Promise<Picture> {
    const known = this.pictures.get(index);
    if (known) return known;
    const picture = await this.dataset.load(this.examples[index]!);
    if (this.bytes + picture.data.length <= limit) {
      this.pictures.set(index, picture);
      this.bytes += picture.data.length;
    }
    return picture;
  }
}
