import type { Beyond, Cvpr2024Models, Cvpr2024Seed, Cvpr2024Seeds } from '../../cvpr2024/index.js';
import type { BaseNovel } from '../../evaluate/index.js';
import type { Interval, Spread } from '../../math/index.js';
import { foldedTable, percent } from '../../report/index.js';

const names: Readonly<Record<keyof Cvpr2024Models<unknown>, string>> = {
  zeroShot: 'zero-shot student',
  teacher: 'prompt-tuned teacher',
  student: 'PromptKD student',
};
const roles = Object.keys(names) as (keyof Cvpr2024Models<unknown>)[];

/** Which weights are measured, and which seeds count. */
const selection = 'the last epoch’s weights; every seed counts';

/** The figures of a run for people, in percent: mean ± deviation over its seeds, each seed, and what to doubt. */
export function cvpr2024Lines({ seeds, baseNovel, transfer, beyond, collapsed }: Cvpr2024Seeds): string[] {
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
  return [
    foldedTable([head, ...roles.map(row)]),
    ...beyondTable(beyond, share),
    ...(seeds.length > 1 ? ['', foldedTable(seedRows(seeds))] : []),
    `measured: ${selection}`,
    ...(collapsed.length > 0
      ? [
          `warning: collapsed: seed ${collapsed.join(', ')}; worse than the student was, or 10 points below the median seed. The mean has it in it`,
        ]
      : []),
  ];
}

/** One line a figure: there may be many data sets. */
function beyondTable(beyond: Cvpr2024Seeds['beyond'], share: (spread: Spread) => string): string[] {
  if (beyond.length === 0) return [];
  const head = ['not distilled on', 'zero-shot', 'teacher', 'student'];
  const rows = beyond.map((one) => [`${one.data}, ${one.figure}`, ...roles.map((role) => share(one[role]))]);
  return ['', foldedTable([head, ...rows])];
}

function seedRows(seeds: readonly Cvpr2024Seed[]): string[][] {
  const figures = ({ base, novel, harmonic }: BaseNovel) =>
    [base.value, novel.value, harmonic].map((share) => percent(share)).join(' / ');
  const head = ['seed', ...(seeds[0]!.baseNovel ? ['teacher: base / novel / H', 'student: base / novel / H'] : [])];
  return [
    [...head, ...seeds[0]!.transfer.map(({ data }) => data)],
    ...seeds.map(({ seed, baseNovel, transfer }) => [
      String(seed),
      ...(baseNovel ? [figures(baseNovel.teacher), figures(baseNovel.student)] : []),
      ...transfer.map(({ student }) => percent(student.value)),
    ]),
  ];
}

/** The figures of a run for machines; shares are fractions. */
export function cvpr2024Json({
  seeds,
  baseNovel,
  transfer,
  beyond,
  collapsed,
}: Cvpr2024Seeds): Record<string, unknown> {
  const models = <T>(of: (role: keyof Cvpr2024Models<unknown>) => T) => ({
    zero_shot_student: of('zeroShot'),
    teacher: of('teacher'),
    student: of('student'),
  });
  const elsewhere = <T>(list: readonly (Cvpr2024Models<T> & { readonly data: string })[]) =>
    list.map((one) => ({ data: one.data, ...models((role) => one[role]) }));
  const outside = <T>(list: readonly Beyond<T>[]) => list.map(({ figure }, i) => ({ figure, ...elsewhere(list)[i]! }));
  return {
    selection,
    collapsed_seeds: collapsed,
    seeds: seeds.map((one) => ({
      seed: one.seed,
      students: one.students,
      tuning_seconds: one.stageSeconds.tuning,
      distillation_seconds: one.stageSeconds.distillation,
      ...(one.baseNovel && models((role) => one.baseNovel![role])),
      ...(one.transfer.length > 0 && { transfer: elsewhere<Interval>(one.transfer) }),
      ...(one.beyond.length > 0 && { beyond: outside<Interval>(one.beyond) }),
    })),
    ...(baseNovel && models((role) => baseNovel[role])),
    ...(transfer.length > 0 && { transfer: elsewhere<Spread>(transfer) }),
    ...(beyond.length > 0 && { beyond: outside<Spread>(beyond) }),
  };
}
