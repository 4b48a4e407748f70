import { duration } from '../../report/index.js';
import type { RunPlan } from '../../train/index.js';

/** Above any of these a person is asked before a run begins. */
const limits = { seconds: 3600, bytes: 10e9, memoryShare: 0.8 };

const count = (n: number) => n.toLocaleString('en-GB');

function size(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${Math.max(1, Math.round(bytes / 1e6))} MB`;
}

function expectedSeconds({ seconds, preparations }: RunPlan): number | undefined {
  return seconds === undefined ? undefined : preparations.reduce((sum, part) => sum + (part.seconds ?? 0), seconds);
}

/** A plan in lines. @param free bytes that may be written where the run is */
export function planLines(plan: RunPlan, free: number, memory: number): string[] {
  const steps = plan.phases.reduce((sum, phase) => sum + phase.steps, 0);
  const total = expectedSeconds(plan);
  const about = (seconds: number) => `about ${duration(Math.max(1, seconds))}`;
  return [
    `trains     ${Object.entries(plan.parameters)
      .map(([part, n]) => `${part} ${count(n)}`)
      .join(', ')} parameters`,
    `steps      ${count(steps)}: ${plan.phases.map(({ name, steps: n, lr }) => `${name} ${count(n)}${lr === undefined ? '' : ` at ${lr}`}`).join(', ')}`,
    `images     ${count(plan.images)}; ${count(plan.imagesSeen)} seen by all steps together`,
    ...plan.preparations.map(
      ({ what, seconds }) => `before     ${what}${seconds === undefined ? '' : `, ${about(seconds)}`}`,
    ),
    ...(total === undefined ? [] : [`time       ${about(total)} in all, by a few timed steps`]),
    ...(plan.memory === undefined ? [] : [`memory     about ${size(plan.memory)} of ${size(memory)}`]),
    ...plan.files.map(
      ({ what, bytes, each }) =>
        `disk       ${size(bytes)} for ${what}${each ? `, ${size(each.bytes)} a ${each.what}` : ''}`,
    ),
    `free       ${size(free)}`,
    `device     ${plan.device}`,
    ...plan.notes.map((note) => `note       ${note}`),
  ];
}

/** The same for machines. */
export function planJson(plan: RunPlan, free: number) {
  return {
    parameters: plan.parameters,
    phases: plan.phases,
    ...{ images: plan.images, images_seen: plan.imagesSeen, preparations: plan.preparations },
    ...{ train_seconds: plan.seconds, memory_bytes: plan.memory, free_bytes: free, device: plan.device },
    files: plan.files.map(({ what, folder, bytes, each }) => ({
      ...{ what, folder, bytes },
      ...(each && { [`bytes_a_${each.what}`]: each.bytes }),
    })),
    notes: plan.notes,
  };
}

/** What of a plan is large enough to ask about, in words; undefined where nothing is. */
export function largePlan(plan: RunPlan, memory: number): string | undefined {
  const seconds = expectedSeconds(plan) ?? 0;
  const bytes = plan.files.reduce((sum, file) => sum + file.bytes, 0);
  const large = [
    ...(seconds > limits.seconds ? [`about ${duration(seconds)}`] : []),
    ...(bytes > limits.bytes ? [`${size(bytes)} of disk`] : []),
    ...((plan.memory ?? 0) > limits.memoryShare * memory ? [`${size(plan.memory!)} of memory`] : []),
  ];
  return large.length > 0 ? large.join(', ') : undefined;
}
