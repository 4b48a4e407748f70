import { readFileSync } from 'node:fs';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What a test says that starts processes, browsers, whole commands or trainings. */
const starts =
  /\b(spawn|fork|execFile)\w*\(|chromium|\/(browser|colours|command|installed|mpirun|ranks|tasks|terminal|training)\.fixture\.js'/;

/**
 * Files of tests that start processes or train come first, the others by Vitest's own order. They take longest by the clock, and
 * one that comes last leaves the other workers without work.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const ordered = await super.sort(files);
    const first = new Set(ordered.filter(({ moduleId }) => starts.test(readFileSync(moduleId, 'utf8'))));
    return [...first, ...ordered.filter((file) => !first.has(file))];
  }
}
