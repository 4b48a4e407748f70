import type { Command } from 'commander';
import { type CommonOptions, examples, printResult, withCommonOptions } from '../options.js';

export function addDoctor(program: Command): void {
  withCommonOptions(
    program.command('doctor').description('check what this machine offers: versions, cores, memory, devices'),
  )
    .addHelpText('after', examples('doctor', 'doctor --json'))
    .action(async (options: CommonOptions) => {
      const { examine } = await import('../examine.js');
      const findings = await examine();
      const mark = { ok: '✓', missing: '–', bad: '✗' } as const;
      printResult(options, findings, () =>
        findings.map(({ state, name, detail }) => `${mark[state]} ${name.padEnd(12)} ${detail}`).join('\n'),
      );
      if (findings.some(({ state }) => state === 'bad')) process.exitCode = 1;
    });
}
