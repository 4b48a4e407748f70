import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../errors.js';
import { softmax } from '../../math/softmax.js';
import { fitTemperature } from '../../math/temperature.js';
import { Prepared } from '../prepared.js';
import {
  argMax,
  calibrationError,
  cascade,
  cascadeFigures,
  confidenceOf,
  type MeasuredStage,
  RemoteModel,
  type Stage,
  tuneCascade,
} from './index.js';

/** Logits by input; says which inputs it was asked for. */
function table(name: string, rows: readonly (readonly number[])[]): Stage<number> & { asked: number[] } {
  const asked: number[] = [];
  return {
    name,
    asked,
    logits: async (inputs) => {
      asked.push(...inputs);
      return inputs.map((i) => rows[i]!);
    },
  };
}

const broken: Stage<number> = {
  name: 'broken',
  logits: async () => {
    throw new Error('out of order');
  },
};
const fast = () =>
  table('fast', [
    [5, 0, 0],
    [1, 0.9, 0],
    [0, 0.2, 0.1],
    [0, 0, 9],
  ]);
const slow = () =>
  table('slow', [
    [0, 7, 0],
    [0, 7, 0],
    [0, 0, 7],
    [7, 0, 0],
  ]);

describe('confidence', () => {
  it('is what its formulas say', () => {
    const z = [2, 1, 0];
    const p = [2, 1, 0].map((x) => Math.exp(x / 2) / (Math.exp(1) + Math.exp(0.5) + 1));
    expect([...softmax(z, 2)]).toEqual(p.map((x) => expect.closeTo(x, 12)));
    expect(confidenceOf('probability', z, 2)).toBeCloseTo(p[0]!, 12);
    expect(confidenceOf('margin', z, 2)).toBeCloseTo(p[0]! - p[1]!, 12);
    const entropy = -p.reduce((sum, x) => sum + x * Math.log(x), 0);
    expect(confidenceOf('entropy', z, 2)).toBeCloseTo(1 - entropy / Math.log(3), 12);
    expect(confidenceOf('energy', z, 2)).toBeCloseTo(2 * Math.log(Math.exp(1) + Math.exp(0.5) + 1), 12);
  });

  it('holds for logits that would overflow, and for one class', () => {
    expect(confidenceOf('probability', [4000, 3999])).toBeCloseTo(1 / (1 + Math.exp(-1)), 12);
    expect(confidenceOf('energy', [4000, 4000])).toBeCloseTo(4000 + Math.log(2), 9);
    expect(confidenceOf('entropy', [3])).toBe(1);
    expect(confidenceOf('margin', [3])).toBe(1);
  });
});

describe('calibration', () => {
  // Half of the answers are right, at logits that claim far more: the best temperature makes them claim a half.
  const labels = [0, 1, 0, 1];
  const logits = labels.map(() => [6, 0.5]);

  it('fits the temperature of least negative log-likelihood', () => {
    const skewed = { logits, labels: [0, 0, 0, 1] };
    const temperature = fitTemperature(skewed);
    expect(softmax([6, 0.5], temperature)[0]).toBeCloseTo(0.75, 4);
    expect(calibrationError(skewed)).toBeGreaterThan(0.2);
    expect(calibrationError(skewed, temperature)).toBeLessThan(1e-3);
  });

  it('weighs bins by their size', () => {
    // Two bins: 0.5 sure and right once of two; 0.9 sure and never right.
    const sure = Math.log(9);
    const scored = {
      logits: [
        [0, 0],
        [0, 0],
        [sure, 0],
        [sure, 0],
      ],
      labels: [0, 1, 1, 1],
    };
    expect(calibrationError(scored, 1, 10)).toBeCloseTo(0.5 * 0 + 0.5 * 0.9, 12);
  });
});

describe('a cascade', () => {
  it('gives what both give alone, and asks the slow one only where the fast one doubts', async () => {
    const [student, teacher] = [fast(), slow()];
    const answers = await cascade({ student, teacher, threshold: 0.9 }).classify([0, 1, 2, 3]);
    expect(teacher.asked).toEqual([1, 2]);
    const alone = [await fast().logits([0, 1, 2, 3]), await slow().logits([0, 1, 2, 3])];
    for (const [i, answer] of answers.entries()) {
      const stage = Math.max(...softmax(alone[0]![i]!)) < 0.9 ? 1 : 0;
      expect(answer).toMatchObject({ stage, logits: alone[stage]![i], label: argMax(alone[stage]![i]!) });
      expect(answer).not.toHaveProperty('unanswered');
    }
  });

  it('goes through more than two stages, each at its own temperature', async () => {
    const middle = table('middle', [[], [0, 0.1, 0], [0, 8, 0], []]);
    const last = slow();
    const stages = [
      { stage: fast(), threshold: 0.9, temperature: 1 },
      { stage: middle, threshold: 0.9, temperature: 2 },
      { stage: last },
    ];
    const answers = await cascade({ stages }).classify([0, 1, 2, 3]);
    expect(answers.map(({ stage }) => stage)).toEqual([0, 2, 1, 0]);
    expect(answers[2]!.confidence).toBe(Math.max(...softmax([0, 8, 0], 2)));
    expect(last.asked).toEqual([1]);
  });

  it('lets later stages use what earlier ones made of an input, within one call', async () => {
    const made: string[] = [];
    const using = (name: string, bytes: number, logits: number[]): Stage<number> => {
      const make = (i: number) => () => {
        made.push(`${name} ${i}`);
        return logits;
      };
      const size = () => bytes;
      return {
        name,
        logits: (inputs, _, prepared = new Prepared()) =>
          Promise.all(inputs.map((i) => prepared.of(i, 'kind', make(i), size))),
      };
    };
    const small = { student: using('student', 1, [1, 1]), teacher: using('teacher', 1, [0, 1]), threshold: 0.9 };
    const [answer] = await cascade(small).classify([7]);
    expect(answer).toMatchObject({ stage: 1, logits: [1, 1] });
    expect(made).toEqual(['student 7']);
    await cascade(small).classify([7]);
    expect(made).toEqual(['student 7', 'student 7']);
    // What is too large to be kept is made again.
    made.length = 0;
    const large = { student: using('student', 2 ** 40, [1, 1]), teacher: using('teacher', 1, [0, 1]), threshold: 0.9 };
    expect((await cascade(large).classify([7]))[0]).toMatchObject({ stage: 1, logits: [0, 1] });
    expect(made).toEqual(['student 7', 'teacher 7']);
  });

  it('keeps what was made on the way to something else', async () => {
    const prepared = new Prepared();
    const made: string[] = [];
    const make = (what: string) => async () => {
      made.push(what);
      return what;
    };
    const size = () => 1;
    const pixels = (side: number) =>
      prepared.of(
        'file',
        `pixels ${side}`,
        async () => (await prepared.of('file', 'decoded', make('decoded'), size)) + side,
        size,
      );
    expect([await pixels(48), await pixels(96), await pixels(48)]).toEqual(['decoded48', 'decoded96', 'decoded48']);
    expect(made).toEqual(['decoded']);
  });

  it('marks the student’s answer where the teacher cannot', async () => {
    const answers = await cascade({ student: fast(), teacher: broken, threshold: 0.9 }).classify([0, 1]);
    expect(answers[0]).not.toHaveProperty('unanswered');
    expect(answers[1]).toMatchObject({ stage: 0, label: 0, unanswered: 'broken: out of order' });
  });

  it('takes a later stage’s answer where one between them cannot, without a mark', async () => {
    const stages = [{ stage: fast(), threshold: 0.9 }, { stage: broken, threshold: 0.9 }, { stage: slow() }];
    const [answer] = await cascade({ stages }).classify([1]);
    expect(answer).toMatchObject({ stage: 2, label: 1 });
    expect(answer).not.toHaveProperty('unanswered');
  });

  it('throws what its first stage throws, and what the caller aborts', async () => {
    await expect(cascade({ student: broken, teacher: slow(), threshold: 0.5 }).classify([0])).rejects.toThrow('order');
    const controller = new AbortController();
    const teacher: Stage<number> = {
      name: 'slow',
      logits: async (_, signal) => {
        controller.abort(new Error('enough'));
        throw signal!.reason;
      },
    };
    const both = cascade({ student: fast(), teacher, threshold: 1 });
    await expect(both.classify([1], { signal: controller.signal })).rejects.toThrow('enough');
  });

  it.each([
    [1.5, 'probability', 'threshold: expected 0 to 1, as the confidence is probability, got 1.5'],
    [Number.NaN, 'margin', 'got NaN'],
    [Number.POSITIVE_INFINITY, 'energy', 'expected a finite number'],
  ] as const)('refuses a threshold of %d for %s', async (threshold, confidence, message) => {
    const make = () => cascade({ student: fast(), teacher: slow(), threshold, confidence });
    expect(make).toThrow(UserError);
    expect(make).toThrow(message);
    const good = cascade({ student: fast(), teacher: slow(), threshold: 0.5, confidence });
    await expect(good.classify([0], { thresholds: [threshold] })).rejects.toThrow(UserError);
  });
});

describe('tuning', () => {
  // The fast model is right where it is sure; the slow one is right everywhere but at the last two.
  const sure = [4, 3.5, 3, 2.5, 2, 1.5, 1, 0.5, 0.4, 0.3];
  const labels = sure.map(() => 0);
  const stage = (name: string, right: (i: number) => boolean, latencyMs: number): MeasuredStage => ({
    ...{ name, labels, latencyMs, behindMs: latencyMs },
    logits: sure.map((z, i) => (right(i) ? [z, 0] : [0, z])),
  });
  const stages = [stage('fast', (i) => i < 5, 1), stage('slow', (i) => i < 8, 10)];

  it('finds the least latency for an accuracy, and the best accuracy for a latency', () => {
    const tuned = tuneCascade(stages, [1, 1], ['probability'], { accuracy: 0.8 });
    expect(tuned).toMatchObject({ accuracy: 0.8, seen: [1, 0.5], latencyMs: 6 });
    // By hand: five are surer than the threshold.
    const confidences = sure.map((z) => 1 / (1 + Math.exp(-z)));
    expect(confidences.filter((c) => c >= tuned.thresholds[0]!)).toHaveLength(5);
    // One and two images sent on are answered alike: the more are sent on.
    expect(tuneCascade(stages, [1, 1], ['margin'], { latencyMs: 3.5 })).toMatchObject({ latencyMs: 3, accuracy: 0.5 });
    expect(cascadeFigures(stages, tuned).accuracy).toBe(0.8);
  });

  it('counts a stage behind others by what it takes there', () => {
    const sharing = [stages[0]!, { ...stages[1]!, behindMs: 8 }];
    const tuned = tuneCascade(sharing, [1, 1], ['probability'], { accuracy: 0.8 });
    expect(tuned).toMatchObject({ seen: [1, 0.5], latencyMs: 5 });
  });

  it('says what can be had where a target cannot', () => {
    expect(() => tuneCascade(stages, [1, 1], ['probability'], { accuracy: 0.95 })).toThrow(
      '--target-accuracy: expected at most 80.00 %',
    );
    expect(() => tuneCascade(stages, [1, 1], ['energy'], { latencyMs: 0.5 })).toThrow(
      '--max-latency: expected at least 1.000 ms',
    );
  });

  it('tunes three stages', () => {
    const three = [stages[0]!, stage('middle', (i) => i < 7, 3), stages[1]!];
    const tuned = tuneCascade(three, [1, 1, 1], ['margin'], { accuracy: 0.7 });
    expect(tuned.thresholds).toHaveLength(2);
    expect(tuned).toMatchObject({ accuracy: 0.7, seen: [1, 0.5, 0], latencyMs: 2.5 });
  });
});

describe('a model behind HTTP', () => {
  const classes = { classes: ['cat', 'dog'] };
  const good = JSON.stringify({ results: [{ logits: [0.1, 2] }] });
  const image = Uint8Array.of(1, 2, 3);

  async function withServer(
    answers: readonly (readonly [status: number, body: string, delayMs?: number])[],
    use: (url: string, requests: { path?: string; body: string; key?: string }[], server: Server) => Promise<void>,
  ): Promise<void> {
    const requests: { path?: string; body: string; key?: string }[] = [];
    const server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const [status, text, delay = 0] = answers[Math.min(requests.length, answers.length - 1)]!;
      requests.push({ path: request.url, body, key: request.headers.authorization });
      setTimeout(() => response.writeHead(status).end(text), delay);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    try {
      await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, server);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  it('asks for logits, and tries again what may pass', () =>
    withServer(
      [
        [503, ''],
        [200, good],
      ],
      async (url, requests) => {
        const remote = new RemoteModel({ url, model: 'big', key: 'secret', backoffMs: 1, timeoutMs: 20_000 });
        expect(await remote.stage('teacher', classes).logits([image])).toEqual([[0.1, 2]]);
        expect(requests).toHaveLength(2);
        expect(requests[1]!.key).toBe('Bearer secret');
        expect(JSON.parse(requests[1]!.body)).toEqual({
          model: 'big',
          images: ['AQID'],
          ...classes,
          top: 1,
          logits: true,
        });
      },
    ));

  it.each([
    ['', '/v1/classify'],
    ['/', '/v1/classify'],
    ['/clip', '/clip/v1/classify'],
    ['/a/b/', '/a/b/v1/classify'],
  ])('is asked below the path of its address: %j', (prefix, path) =>
    withServer([[200, good]], async (url, requests) => {
      await new RemoteModel({ url: url + prefix, timeoutMs: 20_000 }).stage('teacher', classes).logits([image]);
      expect(requests.map((request) => request.path)).toEqual([path]);
    }),
  );

  it.each([
    ['a refusal', [400, '{}'], 1, 'answered 400'],
    ['a wrong key', [401, '{}'], 1, 'answered 401: the bearer key is wrong or missing'],
    ['an answer of another shape', [200, '{"results":[{"logits":[1]}]}'], 1, 'expected logits of 1 images'],
    ['a fault that does not pass', [500, ''], 3, 'answered 500'],
    ['no answer in time', [200, good, 60_000], undefined, 'timed out'],
  ] as const)('gives up on %s', (_, answer, attempts, message) =>
    withServer([answer], async (url, requests) => {
      const remote = new RemoteModel({ url, backoffMs: 1, timeoutMs: attempts ? 20_000 : 500 });
      await expect(remote.stage('teacher', classes).logits([image])).rejects.toThrow(message);
      if (attempts) expect(requests).toHaveLength(attempts);
    }),
  );

  it('leaves a broken server alone, tries it again after a while, and the student answers meanwhile', () =>
    withServer(
      [
        [500, ''],
        [500, ''],
        [200, good],
      ],
      async (url, requests) => {
        const remote = new RemoteModel({ url, retries: 0, breakAfter: 2, breakMs: 1000, timeoutMs: 20_000 });
        const student: Stage<Uint8Array> = { name: 'student', logits: async () => [[1, 0]] };
        const both = cascade({ student, teacher: remote.stage('teacher', classes), threshold: 1 });
        for (let i = 0; i < 6; i++) {
          const unanswered = i < 2 ? 'teacher: answered 500' : 'teacher: left alone for now: answered 500';
          expect((await both.classify([image]))[0]).toMatchObject({ stage: 0, unanswered });
        }
        expect(requests).toHaveLength(2);
        await new Promise((resolve) => setTimeout(resolve, 1100));
        expect((await both.classify([image]))[0]).toMatchObject({ stage: 1, logits: [0.1, 2] });
      },
    ));
});
