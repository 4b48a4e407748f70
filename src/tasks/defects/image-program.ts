import { onWhite } from '../../augment/index.js';
import type { RawImage } from '../../data/index.js';
import { UserError } from '../../errors.js';
import type { Params } from '../../nn/index.js';
import { type CompileOptions, compile, type Runnable } from '../../runtime/index.js';
import type { HostTensor, Tensor } from '../../tensor/index.js';

/** Where and how images are looked at. */
export type InspectOptions = Pick<CompileOptions, 'device' | 'threads'>;

/** A graph for images of one size. */
export interface SizedGraph {
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly weights: Params;
}

/** Runs a graph on decoded images, compiled for each size that comes: the last one stays open. */
export class ImageProgram {
  private open: { readonly size: string; readonly program: Runnable } | undefined;

  /** @param fitted the one size that is taken; left out: any */
  constructor(
    private readonly trace: (size: readonly [number, number]) => SizedGraph,
    private readonly options: InspectOptions = {},
    private readonly fitted?: readonly [height: number, width: number],
  ) {}

  /**
   * Results are overwritten by the next call.
   *
   * @param label names the image in errors
   * @throws UserError for an image of another size than the fitted one
   */
  async run(image: RawImage, label: string): Promise<Readonly<Record<string, HostTensor>>> {
    const { height, width } = image;
    checkSize(image, this.fitted, label);
    const size = `${height} × ${width}`;
    if (this.open?.size !== size) {
      await this.dispose();
      const { outputs, weights } = this.trace([height, width]);
      this.open = { size, program: await compile({ outputs }, { ...this.options, fixed: weights }) };
    }
    const feed = { shape: [1, height, width, 3], data: onWhite(image) };
    return this.open.program.run({ image: feed });
  }

  async dispose(): Promise<void> {
    await this.open?.program.dispose();
    this.open = undefined;
  }
}

/** @throws UserError for an image of another size than the fitted one */
export function checkSize(
  { height, width }: Pick<RawImage, 'height' | 'width'>,
  fitted: readonly [height: number, width: number] | undefined,
  label: string,
): void {
  if (!fitted || (height === fitted[0] && width === fitted[1])) return;
  throw new UserError(
    `${label}: expected an image of ${fitted[1]} × ${fitted[0]} pixels, as those that the detector was fitted on, got ${width} × ${height}: photograph it as those, or fit anew on images of that size`,
  );
}
