import type { FusionFigures } from '../../distill/index.js';
import { accuracy, textTable } from '../../report/index.js';

/** Teachers, mixes and rule of a run with several teachers, as lines. */
export function fusionLines({ teachers, equal, chosen, oracle, rule, split, images }: FusionFigures): string[] {
  return [
    `${teachers.length} teachers, measured on ${images.toLocaleString('en-GB')} images of ${split}:`,
    ...textTable([
      ['', 'top-1', 'mean weight', 'temperature'],
      ...teachers.map(({ name, top1, weight, temperature }) => [
        name,
        accuracy(top1),
        weight.toFixed(2),
        temperature.toFixed(2),
      ]),
      ['equal mix', accuracy(equal), '', ''],
      [`rule: ${rule}`, accuracy(chosen), '', ''],
      ['oracle pick', accuracy(oracle), '', ''],
    ]).split('\n'),
  ];
}

/** The same for machines. */
export const fusionJson = ({ teachers, equal, chosen, oracle, rule, split, images }: FusionFigures) => ({
  ...{ rule, split, images },
  teachers: teachers.map(({ name, top1, weight, temperature }) => ({ name, top1: top1.value, weight, temperature })),
  ...{ equal: equal.value, chosen: chosen.value, oracle: oracle.value },
});
