import type { RawImage, Skipped } from '../../../data/index.js';

/** An image of a product, not yet decoded. */
export interface DefectImage {
  /** Unique within the data set and stable between runs. */
  readonly id: string;
  readonly product: string;
  /** What is wrong with it, in the data's word; undefined of a sound one. */
  readonly defect?: string;
}

/** A place's truth: 1 where it is defective, otherwise 0. */
export interface DefectMask {
  readonly width: number;
  readonly height: number;
  /** [height, width] */
  readonly data: Uint8Array;
}

/** The images of one product. */
export interface Product {
  readonly name: string;
  /** Sound ones, by which a model is fitted. */
  readonly train: readonly DefectImage[];
  /** Sound and defective ones, by which it is measured. */
  readonly test: readonly DefectImage[];
}

/** Images of products, sound and defective, with masks where the data has them. */
export interface DefectDataset {
  readonly name: string;
  readonly products: readonly Product[];
  /** Changes whenever images, masks or splits change. */
  readonly fingerprint: string;
  /** @throws UserError where it cannot be read */
  load(image: DefectImage): Promise<RawImage>;
  /**
   * The mask of an image of so many pixels: of a sound one without any defect, of a defective one undefined where the data
   * has none.
   *
   * @throws UserError for a mask of another size or of other values than two
   */
  mask(image: DefectImage, size: Pick<RawImage, 'width' | 'height'>): Promise<DefectMask | undefined>;
  readonly skipped: readonly Skipped[];
}
