import { Command } from 'commander';
import { packageVersion } from '../files/package-version.js';
import { printable } from '../printable.js';
import { addAugment } from './commands/augment.js';
import { addBank } from './commands/bank.js';
import { addBench } from './commands/bench.js';
import { addCascade } from './commands/cascade.js';
import { addCompare } from './commands/compare.js';
import { addContinual } from './commands/continual.js';
import { addContinue } from './commands/continue.js';
import { addCvpr2024 } from './commands/cvpr2024.js';
import { addData } from './commands/data.js';
import { addDefects } from './commands/defects.js';
import { addDemo } from './commands/demo.js';
import { addDiloco } from './commands/diloco.js';
import { addDistill } from './commands/distill.js';
import { addDoctor } from './commands/doctor.js';
import { addEmbed } from './commands/embed.js';
import { addEvaluate } from './commands/evaluate.js';
import { addExport } from './commands/export.js';
import { addExtract } from './commands/extract.js';
import { addJobs } from './commands/jobs.js';
import { addLaunch } from './commands/launch.js';
import { addMedicalReport } from './commands/medical-report.js';
import { addPretrain } from './commands/pretrain.js';
import { addPrompts } from './commands/prompts.js';
import { addQuantize } from './commands/quantize.js';
import { addReport } from './commands/report.js';
import { addResume } from './commands/resume.js';
import { addRuns } from './commands/runs.js';
import { addSearch } from './commands/search.js';
import { addSearchPrompts } from './commands/search-prompts.js';
import { addServe } from './commands/serve.js';
import { addSweep } from './commands/sweep.js';
import { addTunePrompts } from './commands/tune-prompts.js';
import { addVqa } from './commands/vqa.js';
import { addWeb } from './commands/web.js';
import { refuseEmptyPaths } from './empty-paths.js';
import { examples } from './options.js';

/** The whole command line. Commands load what they need when they run, so that help is quick. */
export function buildProgram(): Command {
  const program = new Command('promptkd')
    .description(
      'Distil CLIP-style vision-language models into small ones, with prompts as the carrier of the knowledge.',
    )
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .showSuggestionAfterError()
    // Descriptions beside long names are wrapped, too.
    .configureHelp({ minWidthToWrap: 20 })
    .configureOutput({ outputError: (text, write) => write(oneSentence(text)) })
    .exitOverride()
    .hook('preAction', async (_, command) => {
      refuseEmptyPaths(command);
      const { refuseCopies } = await import('./together.js');
      refuseCopies(nameOf(command));
    })
    .addHelpText(
      'after',
      examples('demo', 'distill --teacher promptkd:emoji-teacher --out runs/student', 'evaluate runs/student'),
    )
    .addHelpText('after', 'Each command has its own help: promptkd <command> --help\n');
  for (const add of [
    addDemo,
    addPretrain,
    addDistill,
    addExtract,
    addCvpr2024,
    addContinue,
    addContinual,
    addBank,
    addReport,
    addResume,
    addRuns,
    addEvaluate,
    addCompare,
    addEmbed,
    addSearch,
    addJobs,
    addSweep,
    addDiloco,
    addLaunch,
    addExport,
    addWeb,
    addQuantize,
    addData,
    addAugment,
    addPrompts,
    addSearchPrompts,
    addTunePrompts,
    addVqa,
    addCascade,
    addDefects,
    addMedicalReport,
    addServe,
    addBench,
    addDoctor,
  ])
    add(program);
  return program;
}

/** The command below the program that an action belongs to: `jobs` of `jobs run`. */
function nameOf(command: Command): string {
  return command.parent?.parent ? nameOf(command.parent) : command.name();
}

/** Commander's "error: unknown command 'distil'\n(Did you mean distill?)" in one line, in our voice. */
function oneSentence(text: string): string {
  const sentence = text
    .replace(/^error: /, '')
    .trim()
    .replace(/\n+/g, ' ');
  return `promptkd: ${printable(sentence)}\n`;
}
