import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bank, taskFolder } from '../../bank/index.js';
import { modelFingerprint } from '../../model/index.js';
import { countParameters } from '../../prompt/index.js';
import { textTable } from '../../report/index.js';

export type BankJson = Awaited<ReturnType<typeof bankJson>>;

/** A bank as plain data: its tasks, with numbers and bytes of each. */
export async function bankJson(folder: string, bank: Bank) {
  const tasks = await Promise.all(
    bank.tasks.map(async ({ name, classes, data, steps, seconds, prompts, keys, anchor, replay }) => {
      const place = taskFolder(folder, name);
      const files = await Promise.all((await readdir(place)).map((file) => stat(join(place, file))));
      return {
        ...{ name, classes: classes.length, class_names: classes, data: data.name, steps, seconds },
        prompt_parameters: countParameters(prompts),
        ...{ centroids: keys.centroids.shape[0]!, threshold: keys.threshold },
        ...{ anchor: anchor !== undefined, replayed_images: replay?.labels.length ?? 0 },
        bytes: files.reduce((sum, { size }) => sum + size, 0),
      };
    }),
  );
  return {
    ...{ bank: folder, student: modelFingerprint(bank.frozen), method: bank.method, routing: bank.routing },
    ...{
      templates: bank.templates,
      shared_parameters: countParameters(bank.shared),
      lambda: bank.lambda ?? null,
      tasks,
    },
  };
}

export function bankTable({
  bank,
  student,
  method,
  routing,
  shared_parameters: shared,
  lambda,
  tasks,
}: BankJson): string {
  const head = ['task', 'classes', 'steps', 'prompts', 'kept images', 'bytes'];
  const rows = tasks.map((task) =>
    [task.name, task.classes, task.steps, task.prompt_parameters, task.replayed_images, task.bytes].map((cell) =>
      cell.toLocaleString('en-GB'),
    ),
  );
  return [
    `${bank}: ${tasks.length} tasks of the student ${student.slice(0, 12)}, method ${method}, routing ${routing}`,
    ...(shared > 0
      ? [`${shared.toLocaleString('en-GB')} shared numbers${lambda === null ? '' : `, λ ${lambda.toPrecision(3)}`}`]
      : []),
    ...(tasks.length > 0 ? ['', textTable([head, ...rows])] : []),
  ].join('\n');
}
