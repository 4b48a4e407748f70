import { type Command, Option } from 'commander';
import type { Language, PromptTemplate } from '../../prompt/index.js';
import {
  type CommonOptions,
  examples,
  positiveInteger,
  printResult,
  wholeNumber,
  withCommonOptions,
} from '../options.js';

interface ListOptions extends CommonOptions {
  readonly domain?: readonly string[];
  readonly tag?: string;
  readonly language: Language;
  readonly sample?: number;
  readonly seed: number;
  readonly class?: string;
}

export function addPrompts(program: Command): void {
  const prompts = program
    .command('prompts')
    .description('look at the prompt templates')
    .addHelpText('after', examples('prompts list --domain food --sample 20', 'prompts ensembles'));
  withCommonOptions(prompts.command('list').description('list templates of the library, all or a sample'))
    .option('--domain <names...>', 'domains, as general, food or medical (default: all)')
    .option('--tag <name>', 'only those with this tag, as scene or question')
    .addOption(new Option('--language <code>', 'language of the templates').choices(['en', 'zh']).default('en'))
    .option('--sample <n>', 'so many at random, instead of all', positiveInteger)
    .option('--seed <n>', 'seed of the sample and of slots', wholeNumber, 0)
    .option('--class <name>', 'print texts: slots filled at random, this class name in its place')
    .addHelpText(
      'after',
      examples(
        'prompts list --domain food --sample 20',
        'prompts list --domain drawings --sample 5 --class "ear of corn"',
        'prompts list --language zh --json',
      ),
    )
    .action(list);
  withCommonOptions(prompts.command('ensembles').description('list the ensembles that others published'))
    .addHelpText('after', examples('prompts ensembles', 'prompts ensembles --json'))
    .action(ensembles);
}

async function list(options: ListOptions): Promise<void> {
  const [{ drawTemplate, findTemplates, render }, { Random }] = await Promise.all([
    import('../../prompt/index.js'),
    import('../../math/index.js'),
  ]);
  const { domain: domains, tag, language, sample, seed, class: name } = options;
  const found = findTemplates({ domains, tag, language });
  const shown = sample === undefined ? found : new Random(seed, 'templates').shuffle(found).slice(0, sample);
  const line = (template: PromptTemplate) =>
    name === undefined ? template.text : render(drawTemplate(template, seed), { OBJ: name });
  const templates = shown.map((template) => ({
    ...template,
    ...(name === undefined ? {} : { rendered: line(template) }),
  }));
  const width = Math.max(...shown.map(({ id }) => id.length));
  printResult(options, { count: found.length, templates }, () =>
    [
      ...shown.map((template) => `${template.id.padEnd(width)}  ${line(template)}`),
      ...(options.quiet ? [] : [`${shown.length} of ${found.length.toLocaleString('en-GB')} templates`]),
    ].join('\n'),
  );
}

async function ensembles(options: CommonOptions): Promise<void> {
  const { publishedEnsembles } = await import('../../prompt/index.js');
  printResult(options, publishedEnsembles, () =>
    publishedEnsembles
      .map(({ name, source, templates }) => {
        const [first] = templates;
        const more = templates.length > 1 ? ` and ${templates.length - 1} more` : '';
        return `${name.padEnd(24)} "${first}"${more}\n${' '.repeat(25)}${source}`;
      })
      .join('\n'),
  );
}
