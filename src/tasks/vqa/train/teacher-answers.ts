import { UserError } from '../../../errors.js';
import { gatherHostRows } from '../../../math/index.js';
import type { CompileOptions } from '../../../runtime/index.js';
import { elements, type HostTensor } from '../../../tensor/index.js';
import { HeadRunner } from '../answer-questions.js';
import type { VqaFeatures } from '../features.js';
import { answerColumns, type VqaHead } from '../head/vqa-head.js';
import type { Sample } from '../vocabulary.js';

/** What the head on the teacher says of each sample: computed once, before the student's is trained. */
export class TeacherAnswers {
  /** By feed name, each [samples, …]. */
  private constructor(private readonly tables: Readonly<Record<string, HostTensor<Float32Array>>>) {}

  /**
   * @param answers the student head's answers, in their order
   * @param features of the teacher; `own` of the student: where both cut questions into the same tokens maps are compared token
   *   by token, otherwise their mean over a question's tokens
   * @throws UserError where the teacher's head does not know one of the answers, or its patch grid is another
   */
  static async of(
    head: VqaHead,
    features: VqaFeatures,
    own: VqaFeatures,
    samples: readonly Sample[],
    answers: readonly string[],
    options: Pick<CompileOptions, 'device' | 'threads'> & {
      readonly signal?: AbortSignal;
      readonly onProgress?: (done: number, total: number) => void;
    },
  ): Promise<TeacherAnswers> {
    const columns = answerColumns(head, answers);
    if (head.config.patches !== own.patches.shape[1]) {
      throw new UserError(
        `teacher: expected ${own.patches.shape[1]} patches an image, as the student has, got ${head.config.patches}: attention maps are compared patch by patch; use a teacher of the same grid`,
      );
    }
    const sameTokens =
      own.ids.shape.join() === features.ids.shape.join() && own.ids.data.every((id, i) => id === features.ids.data[i]);
    const length = features.ids.shape[1]!;
    const { patches } = head.config;
    const rows = sameTokens ? length : 1;
    const tables: Record<string, HostTensor<Float32Array>> = {
      'teacher/logits': table([samples.length, answers.length]),
    };
    for (let l = 0; l < head.config.layers; l++) {
      tables[`teacher/attention.${l}`] = table([samples.length, rows, patches]);
    }
    const runner = await HeadRunner.open(head, features, { ...options, inner: true });
    try {
      const questions = samples.map(({ question }) => question);
      const see = (made: Readonly<Record<string, HostTensor>>, from: number, count: number) => {
        const logits = made.logits!.data as Float32Array;
        const into = tables['teacher/logits']!.data;
        for (let i = 0; i < count; i++) {
          for (const [k, column] of columns.entries()) {
            into[(from + i) * answers.length + k] = logits[i * head.answers.length + column]!;
          }
        }
        const { mask } = features.feeds(questions.slice(from, from + count));
        for (let l = 0; l < head.config.layers; l++) {
          const map = made[`attention.${l}`]!.data as Float32Array;
          const to = tables[`teacher/attention.${l}`]!.data;
          for (let i = 0; i < count; i++) {
            const seen = mask!.data.subarray(i * length, (i + 1) * length);
            addMap(map.subarray(i * length * patches), seen, patches, sameTokens, to, (from + i) * rows * patches);
          }
        }
        options.onProgress?.(from + count, samples.length);
      };
      await runner.run(questions, see, options.signal);
    } finally {
      await runner.dispose();
    }
    return new TeacherAnswers(tables);
  }

  /** Arrays that {@link fill} fills, for so many samples, by feed name. */
  room(count: number): Record<string, HostTensor<Float32Array>> {
    return Object.fromEntries(
      Object.entries(this.tables).map(([name, { shape }]) => [name, table([count, ...shape.slice(1)])]),
    );
  }

  /** Puts what was said of some samples into arrays of {@link room}. */
  fill(rows: readonly number[], into: Readonly<Record<string, HostTensor<Float32Array>>>): void {
    for (const [name, { shape, data }] of Object.entries(this.tables)) {
      gatherHostRows(data, elements(shape.slice(1)), rows, into[name]!.data);
    }
  }
}

/** A question's map [L, P], of padding nothing; or its mean over the tokens [1, P]. */
function addMap(
  map: Float32Array,
  mask: Float32Array,
  patches: number,
  eachToken: boolean,
  to: Float32Array,
  at: number,
): void {
  const tokens = mask.reduce((a, b) => a + b, 0);
  for (const [l, shown] of mask.entries()) {
    if (shown === 0) continue;
    for (let p = 0; p < patches; p++) {
      if (eachToken) to[at + l * patches + p] = map[l * patches + p]!;
      else to[at + p]! += map[l * patches + p]! / tokens;
    }
  }
}

const table = (shape: readonly number[]): HostTensor<Float32Array> => ({
  shape: [...shape],
  data: new Float32Array(elements(shape)),
});
