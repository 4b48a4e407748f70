import type { ClipConfig } from '../../clip/index.js';
import type { Params } from '../../nn/index.js';
import type { HostTensor } from '../../tensor/index.js';
import { addColumnSquares, addRowSquares, pick, topIndices } from './importance.js';

/** Weight and bias of a layer norm, [D] each. */
export interface Norm {
  readonly weight: HostTensor;
  readonly bias: HostTensor;
}

/** y = W x + b: weight [n, D], bias [n]. */
export interface Linear {
  readonly weight: HostTensor;
  readonly bias: HostTensor;
}

/** How what is written into a residual stream of width D is written into one of width d. */
export interface StreamWriter {
  /** The rows of a matrix [D, …], or a vector [D]: → [d, …]. */
  write(x: HostTensor): HostTensor;
  /** A table whose rows stand in the stream: [n, D] → [n, d]. */
  rows(x: HostTensor): HostTensor;
}

/** How a student's residual stream of width d comes out of its teacher's of width D. */
export interface ResidualStream extends StreamWriter {
  /** What reads the stream behind a norm: weight [n, D] → [n, d]. */
  read(layer: Linear, norm: Norm): Linear;
  /** The student's norm before such readers. */
  norm(norm: Norm): Norm;
  /** A reader without a bias, and the norm before it. */
  project(weight: HostTensor, norm: Norm): { weight: HostTensor; norm: Norm };
  /** The embeddings before a norm whose output is the stream (CLIP's `pre_layrnorm`), and that norm. */
  embed(norm: Norm): { writer: StreamWriter; norm: Norm };
  /** M [d, D]: the student's features, of mean 0 and variance 1 a token, as the teacher's. */
  readonly map: HostTensor;
}

/** A residual stream for each tower. */
export interface Streams {
  readonly text: ResidualStream;
  readonly vision: ResidualStream;
}

/** The channels of each tower that are read and written most. */
export function importantStreams(teacher: Params, from: ClipConfig, to: ClipConfig): Streams {
  const stream = (tower: 'text' | 'vision') => {
    const width = from[`${tower}_config`].hidden_size;
    const scores = channelScores(`${tower}_model`, teacher, width);
    return pickedStream(topIndices(scores, to[`${tower}_config`].hidden_size), width);
  };
  return { text: stream('text'), vision: stream('vision') };
}

/** Squared weights of everything that reads or writes a residual channel. */
function channelScores(prefix: string, teacher: Params, width: number): Float64Array {
  const scores = new Float64Array(width);
  for (const [name, tensor] of Object.entries(teacher)) {
    if (!name.startsWith(`${prefix}.encoder.`) || !name.endsWith('.weight') || tensor.shape.length !== 2) continue;
    if (name.includes('out_proj') || name.includes('fc2')) addRowSquares(tensor, scores);
    else addColumnSquares(tensor, scores);
  }
  return scores;
}

/** Some channels of the teacher's, ascending, as they are: of all of them it is the teacher's own stream. */
export function pickedStream(channels: readonly number[], width: number): ResidualStream {
  const write = (x: HostTensor) => pick(x, channels);
  const rows = (x: HostTensor) => pick(x, null, channels);
  const norm = ({ weight, bias }: Norm) => ({ weight: write(weight), bias: write(bias) });
  const map = new Float32Array(channels.length * width);
  for (const [i, channel] of channels.entries()) map[i * width + channel] = 1;
  return {
    write,
    rows,
    norm,
    read: ({ weight, bias }) => ({ weight: rows(weight), bias }),
    project: (weight, before) => ({ weight: rows(weight), norm: norm(before) }),
    embed: (before) => ({ writer: { write, rows }, norm: norm(before) }),
    map: { shape: [channels.length, width], data: map },
  };
}
