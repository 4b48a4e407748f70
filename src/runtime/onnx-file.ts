import * as ort from 'onnxruntime-node';
import type { HostTensor } from '../tensor/index.js';
import type { Device } from './device.js';
import { type Feed, ortTensor } from './ort-tensor.js';
import { openSession } from './session.js';

/** An ONNX file opened as other software opens it: sizes are known at each run, whole numbers are int64. */
export class OnnxFile {
  private constructor(private readonly session: ort.InferenceSession) {}

  /**
   * Opens an ONNX file.
   *
   * @param from its path, or its bytes
   * @param options `device`: cpu unless said otherwise; `threads`: of ONNX Runtime, all cores unless said otherwise
   * @throws UserError for a device that cannot be used; ONNX Runtime's error where it cannot read the file
   */
  static async open(from: string | Uint8Array, options: { device?: Device; threads?: number } = {}): Promise<OnnxFile> {
    const session = await openSession(from, options.device ?? 'cpu', { threads: options.threads, optimization: 'all' });
    return new OnnxFile(session);
  }

  /** Names of its inputs, in their order. */
  get inputs(): readonly string[] {
    return this.session.inputNames;
  }

  /** Names of its outputs, in their order. */
  get outputs(): readonly string[] {
    return this.session.outputNames;
  }

  /** Size of an input's axis; undefined where the file leaves it open. */
  inputSize(name: string, axis: number): number | undefined {
    const known = this.session.inputMetadata.find((one) => one.name === name);
    const size = known?.isTensor ? known.shape[axis] : undefined;
    return typeof size === 'number' && size > 0 ? size : undefined;
  }

  /**
   * Runs the model. The arrays returned are new; feeds the model has no input for are left out.
   *
   * @throws Error where an input is missing; ONNX Runtime's error for a feed of another shape or type
   */
  async run(feeds: Readonly<Record<string, Feed>>): Promise<Record<string, HostTensor<Float32Array>>> {
    const tensors: Record<string, ort.Tensor> = {};
    for (const name of this.inputs) {
      const feed = feeds[name];
      if (!feed) throw new Error(`OnnxFile.run: input ${name} is missing`);
      const { data, shape } = feed;
      tensors[name] =
        data instanceof Int32Array
          ? new ort.Tensor('int64', BigInt64Array.from(data, BigInt), shape)
          : ortTensor({ data, shape });
    }
    const results = await this.session.run(tensors);
    return Object.fromEntries(
      this.outputs.map((name) => {
        const { dims, data } = results[name]!;
        return [name, { shape: dims, data: data as Float32Array }];
      }),
    );
  }

  /** Frees the session; the file cannot be run after it. */
  async dispose(): Promise<void> {
    await this.session.release();
  }
}
