/** A decoded image. */
export interface RawImage {
  readonly width: number;
  readonly height: number;
  /** 3: RGB; 4: RGB and alpha, not premultiplied. */
  readonly channels: 3 | 4;
  /** [height, width, channels] */
  readonly data: Uint8Array;
}

/** Where an image's bytes lie. Plain data, so that another thread can read it. */
export interface ImageSource {
  readonly file: string;
  /** The part of the file that is the image; left out: all of it. */
  readonly part?: {
    readonly offset: number;
    readonly bytes: number;
    /** What the bytes must add up to, where the file is a copy in the cache. */
    readonly sum?: string;
  };
}

/** One image of a data set, not yet decoded. */
export interface Example {
  /** Unique within the data set and stable between runs. */
  readonly id: string;
  /** Index of its class; left out where the data does not say. */
  readonly label?: number;
  /** Texts that describe it; may be empty. */
  readonly captions: readonly string[];
  /** The captions are made of its class's name: the data has none of it. */
  readonly captionsMade?: true;
  /** Who drew it, where that is known. */
  readonly artist?: string;
  /** Things on it, and where they stand. */
  readonly boxes?: readonly Box[];
}

/** An image whose class is known. */
export interface LabelledExample extends Example {
  readonly label: number;
}

/** Where one thing stands on an image. */
export interface Box {
  /** Index of its class. */
  readonly label: number;
  /** Left, top, width and height, as shares of the image's width and height. */
  readonly at: readonly [number, number, number, number];
}

/** A class of a data set. */
export interface ClassInfo {
  /** Name as it stands in a prompt. */
  readonly name: string;
  /** Its images are in splits of their own, for base-to-novel evaluation; no label of theirs is trained on. */
  readonly novel: boolean;
}

/** An image that cannot be used, and why. */
export interface Skipped {
  readonly id: string;
  readonly reason: string;
}

/** Something that holds of several images of a data set and that whoever brings it should know. */
export interface Remark {
  /** As it stands behind their number. */
  readonly message: string;
  readonly count: number;
  /** A few of them. */
  readonly examples: readonly string[];
}

/** Photos, or drawings as the built-in sets have them. */
export const imageKinds = ['photos', 'drawings'] as const;
/** What a data set's images are. */
export type ImageKind = (typeof imageKinds)[number];

/** Images with classes and captions, in named splits. Usual names: `train`, `val`, `test`, `novel`, `style`. */
export interface ImageTextDataset {
  readonly name: string;
  /** What its images are, for the texts of classes where none are given. No part of the fingerprint. @defaultValue photos */
  readonly kind?: ImageKind;
  readonly classes: readonly ClassInfo[];
  readonly splits: Readonly<Record<string, readonly Example[]>>;
  /**
   * Images of novel classes that the data has in `train`, `val`, …, by that split: of no use but to what reads no label of
   * them. Those of `test` are the split `novel`.
   */
  readonly aside?: Readonly<Record<string, readonly Example[]>>;
  /**
   * Decodes one image.
   * @throws ImageError where it cannot be read
   */
  load(example: Example): Promise<RawImage>;
  /** Where the bytes of an image lie that `load` decodes; left out where images are made otherwise. */
  source?(example: Example): ImageSource;
  /** Changes whenever the images, classes, captions or splits change. */
  readonly fingerprint: string;
  readonly skipped: readonly Skipped[];
  /** What was read in another way than it stands there, or could not be told. */
  readonly remarks?: readonly Remark[];
  /** By which rule splits were made that the data does not name; left out where it names them. */
  readonly dealt?: string;
}
