import { dot, type Rows } from '../math/index.js';
import { type CompileOptions, compile, type Runnable } from '../runtime/index.js';
import { type HostTensor, input, matmul, transpose } from '../tensor/index.js';
import type * as promptSearch from './selection/index.js';

/** Cosines of some images, whose features are computed once, and class features that change. */
export class ImageScorer {
  private constructor(
    private readonly program: Runnable,
    private readonly images: HostTensor,
    private readonly texts: HostTensor,
  ) {}

  static async open(images: Rows, classes: number, options: CompileOptions): Promise<ImageScorer> {
    const { data, count, width } = images;
    const imageInput = input('images', [count, width]);
    const cosines = matmul(imageInput, transpose(input('texts', [classes, width]))); // [images, classes]
    const program = await compile({ outputs: { cosines } }, options);
    return new ImageScorer(
      program,
      { shape: [count, width], data },
      { shape: [classes, width], data: new Float32Array(classes * width) },
    );
  }

  /** [images, classes]; overwritten by the next call. */
  async cosines(features: Rows): Promise<Float32Array> {
    (this.texts.data as Float32Array).set(features.data);
    const { cosines } = await this.program.run({ images: this.images, texts: this.texts });
    return cosines!.data as Float32Array;
  }

  dispose(): Promise<void> {
    return this.program.dispose();
  }
}

/** For each class, the cosines between its texts of any two templates. @param texts for each template [classes, width] */
export function overlapsOf(texts: readonly Rows[]): promptSearch.TemplateScores['overlaps'] {
  const templates = texts.length;
  return Array.from({ length: texts[0]!.count }, (_, c) => {
    const overlap = new Float32Array(templates * templates);
    for (let s = 0; s < templates; s++) {
      for (let t = s; t < templates; t++) {
        overlap[s * templates + t] = dot(texts[s]!, c, texts[t]!, c);
        overlap[t * templates + s] = overlap[s * templates + t]!;
      }
    }
    return overlap;
  });
}
