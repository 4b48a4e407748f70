import type { Cvpr2024Models, Cvpr2024Seeds } from '../cvpr2024/index.js';
import type { Spread } from '../evaluate/index.js';
import { percent, textTable } from '../report/index.js';

const names: Readonly<Record<keyof Cvpr2024Models<unknown>, string>> = {
  zeroShot: 'zero-shot student',
  teacher: 'prompt-tuned teacher',
  student: 'PromptKD student',
};
const roles = Object.keys(names) as (keyof Cvpr2024Models<unknown>)[];

/** The figures of a run for people: mean ± deviation over its seeds, in percent. */
export function cvpr2024Table({ seeds, baseNovel, transfer }: Cvpr2024Seeds): string {
  const share = ({ mean, deviation }: Spread) =>
    deviation === undefined ? percent(mean) : `${percent(mean)} ± ${percent(deviation)}`;
  const head = [
    `top-1 %, ${seeds.length === 1 ? 'one seed' : `mean ± deviation of ${seeds.length} seeds`}`,
    ...(baseNovel ? ['base', 'novel', 'H'] : []),
    ...transfer.map(({ data }) => data),
  ];
  const row = (role: keyof Cvpr2024Models<unknown>) => [
    names[role],
    ...(baseNovel ? [baseNovel[role].base, baseNovel[role].novel, baseNovel[role].harmonic].map(share) : []),
    ...transfer.map((data) => share(data[role])),
  ];
  return textTable([head, ...roles.map(row)]);
}

/** The figures of a run for machines; shares are fractions. */
export function cvpr2024Json({ seeds, baseNovel, transfer }: Cvpr2024Seeds): Record<string, unknown> {
  const models = <T>(of: (role: keyof Cvpr2024Models<unknown>) => T) => ({
    zero_shot_student: of('zeroShot'),
    teacher: of('teacher'),
    student: of('student'),
  });
  return {
    seeds: seeds.map(({ seed, students, stageSeconds }) => ({
      seed,
      students,
      tuning_seconds: stageSeconds.tuning,
      distillation_seconds: stageSeconds.distillation,
    })),
    ...(baseNovel && models((role) => baseNovel[role])),
    ...(transfer.length > 0 && {
      transfer: transfer.map((one) => ({ data: one.data, ...models((role) => one[role]) })),
    }),
  };
}
