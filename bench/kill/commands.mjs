// Every command that saves something, on the smallest models and images that it takes.
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';

/**
 * A command line, what stands in its folder before, and which of its files hold times.
 * @typedef {{ args: (out: string) => string[], before?: (out: string) => void, varies?: RegExp }} Saving
 */

/**
 * Makes images, tables and models below a folder.
 *
 * @param {string} root
 * @param {(args: string[]) => Promise<void>} run runs the command line, and throws where it ends badly
 * @returns {Promise<Record<string, Saving>>}
 */
export async function savingCommands(root, run) {
  const at = (...parts) => join(root, ...parts);
  const write = (file, content) => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    return file;
  };
  const colours = ['#c02020', '#20c020', '#2020c0', '#c0c020'];
  for (const [i, background] of colours.entries()) {
    for (const [split, count] of Object.entries({ train: 6, val: 2, test: 2 })) {
      for (let n = 0; n < count; n++) {
        const image = sharp({ create: { width: 16 + n, height: 16, channels: 3, background } });
        write(at('images', split, `class${i}`, `${n}.png`), await image.png().toBuffer());
      }
    }
  }
  const image = at('images/test/class0/0.png');
  const dot = { create: { width: 6, height: 6, channels: 3, background: '#eee' } };
  /** Of a tone of its own: between equal images every distance is rounding. */
  const plateOf = (tone) => {
    const data = Uint8Array.from({ length: 1200 }, (_, i) => 80 + 9 * tone + (i % 7) + (i % (tone + 2)));
    return sharp(data, { raw: { width: 20, height: 20, channels: 3 } })
      .png()
      .toBuffer();
  };
  const plate = await plateOf(3);
  const marked = await sharp(plate)
    .composite([{ input: dot, left: 4, top: 4 }])
    .png()
    .toBuffer();
  for (let n = 0; n < 5; n++) write(at('plates/plate/train/good', `${n}.png`), await plateOf(n));
  for (const product of ['plate', 'other']) {
    write(at('plates', product, 'test/good/0.png'), plate);
    write(at('plates', product, 'test/spot/0.png'), marked);
    const mask = sharp({ create: { width: 20, height: 20, channels: 3, background: '#000' } });
    const masked = await mask
      .composite([{ input: dot, left: 4, top: 4 }])
      .toColourspace('b-w')
      .png()
      .toBuffer();
    write(at('plates', product, 'ground_truth/spot/0_mask.png'), masked);
  }
  write(at('plates/other/train/good/0.png'), plate);
  const questions = colours.flatMap((_, i) => ['train', 'val'].map((split) => [split, i]));
  const asked = questions.map(([split, i]) => `images/${split}/class${i}/0.png,what is it?,class${i},${split}`);
  write(at('questions.csv'), ['image,question,answer,split', ...asked, ''].join('\n'));
  const said = [
    'There is a pleural effusion.',
    'No pleural effusion.',
    'The heart is enlarged.',
    'Heart size is normal.',
  ];
  const studies = ['train', 'val', 'test'].flatMap((split) =>
    colours.flatMap((_, i) =>
      [0, 1].map((n) => `${split}-${i}-${n},images/${split}/class${i}/${n}.png,${said[i]},${split}`),
    ),
  );
  write(at('studies.csv'), ['study,image,report,split', ...studies, ''].join('\n'));

  const set = (...fields) => fields.flatMap((field) => ['--set', field]);
  const quiet = ['--quiet', '--threads', '1'];
  const train = [...quiet, '--yes', '--workers', '0'];
  const data = ['--data', `folder:${at('images')}`];
  const tower = 'hidden_size: 16, intermediate_size: 32, num_attention_heads: 2';
  const tiny = set(
    `model.vision={ ${tower}, image_size: 16, patch_size: 8, num_hidden_layers: 2 }`,
    `model.text={ ${tower}, num_hidden_layers: 2, max_position_embeddings: 16, vocab_size: 520 }`,
    ...['model.projection_dim=12', 'steps=2', 'batch=6', 'checkpoint_every=1', 'evaluation.every=0'],
  );
  const short = set(
    ...[`student.vision={ ${tower}, num_hidden_layers: 1 }`, `student.text={ ${tower}, num_hidden_layers: 1 }`],
    ...['prompts={ width: 8, heads: 2, intermediate_size: 16 }', 'batch=6', 'views=1', 'checkpoint_every=1'],
    'phases={ warmup: { steps: 1 }, prompt: { steps: 1 }, joint: { steps: 1 } }',
  );
  const [teacher, other] = [at('teacher/model'), at('other/model')];
  await run(['pretrain', ...data, '--out', at('teacher'), ...train, ...tiny]);
  await run(['pretrain', ...data, '--out', at('other'), ...train, ...tiny, '--seed', '7']);
  const distilling = ['distill', '--teacher', teacher, ...data, ...train, ...short];
  await run([...distilling, '--out', at('run')]);
  const student = at('run/student');
  const task = (bank, name, classes) => [
    ...['continue', '--bank', bank, '--student', teacher, ...data, '--task', name, ...quiet, '--workers', '0'],
    ...set('batch=2', 'steps=2', 'routing.centroids=1', 'prompts.n_ctx=1', 'templates=["{}"]', 'checkpoint_every=1'),
    ...set(`data.classes=${JSON.stringify(classes)}`),
  ];
  const [first, second] = [
    ['class0', 'class1'],
    ['class2', 'class3'],
  ];
  await run(task(at('bank'), 'first', first));
  await run(task(at('bank2'), 'second', second));
  cpSync(at('bank'), at('bank-of-two'), { recursive: true });
  await run(task(at('bank-of-two'), 'second', second).toSpliced(3, 2));
  const vqa = ['vqa', 'train', teacher, '--data', `csv:${at('questions.csv')}`, ...quiet];
  const head = set(
    ...['steps=2', 'batch=2', 'warmup_steps=0', 'answers.min_count=1', 'checkpoint_every=1', 'evaluation.every=0'],
    'head={ width: 8, layers: 1, heads: 2, intermediate_size: 8 }',
  );
  await run([...vqa, ...head, '--out', at('head')]);
  const plates = ['--data', `mvtec:${at('plates')}`, ...quiet];
  const few = set('side=16', 'shots=2', 'false_alarms=500');
  const fit = ['defects', 'fit', teacher, ...plates, '--product', 'plate', ...few];
  await run([...fit, '--out', at('detector')]);
  const index = ['medical-report', 'index', teacher, '--data', `csv:${at('studies.csv')}`, ...quiet];
  const findings = set('steps=2', 'batch=4', 'warmup_steps=0', 'head.width=8', 'checkpoint_every=1');
  await run([...index, ...findings, '--out', at('index')]);
  const exporting = ['export', student, '--classes', 'a,b', '--quiet'];
  await run([...exporting, '--out', at('exported')]);
  await run(['vqa', 'export', teacher, '--head', at('head'), '--out', at('vqa-exported'), '--quiet']);
  await run(['export', teacher, '--classes', 'a,b', '--quiet', '--out', at('teacher-exported')]);
  const sweep = {
    call: ['pretrain', ...data, ...train, ...tiny],
    fields: { 'optimizer.lr': [1e-3, 2e-3] },
    measure: 'steps',
  };
  write(at('sweep.yaml'), JSON.stringify(sweep));
  /** How many images a call embedded, and how many were there. */
  const counted = /stats\/\d+_of_\d+\.json$/;
  const copied = (from) => (out) => cpSync(at(from), out, { recursive: true });

  return {
    pretrain: { args: (out) => ['pretrain', ...data, '--out', out, ...train, ...tiny] },
    distill: { args: (out) => [...distilling, '--out', out] },
    'distill from two teachers': { args: (out) => [...distilling.toSpliced(3, 0, '--teacher', other), '--out', out] },
    extract: { args: (out) => ['extract', ...distilling.slice(1).filter((word) => word !== '--yes'), '--out', out] },
    'tune-prompts': {
      args: (out) => ['tune-prompts', teacher, ...data, '--out', out, ...train, ...set('steps=2', 'batch=6')],
    },
    cvpr2024: {
      args: (out) => [
        ...['cvpr2024', '--teacher', teacher, '--student', other, '--data', `folder:${at('images')}?novel=half`],
        ...['--out', out, ...train, '--seeds', '1', ...set('tuning.epochs=1', 'tuning.average.mean=1')],
        ...set('distillation.epochs=1', 'tuning.batch=2', 'prompts.n_ctx=2', 'prompts.context=""'),
      ],
    },
    'continue with a new bank': { args: (out) => task(out, 'first', first) },
    'continue with a second task': {
      before: copied('bank'),
      args: (out) => task(out, 'second', second).toSpliced(3, 2),
    },
    'bank merge': { args: (out) => ['bank', 'merge', at('bank'), at('bank2'), '--out', out, '--quiet'] },
    'bank forget': { before: copied('bank-of-two'), args: (out) => ['bank', 'forget', out, 'first', '--quiet'] },
    continual: {
      args: (out) => [
        ...['continual', '--student', teacher, ...data, '--out', out, '--methods', 'finetune', 'bank+ewc', ...quiet],
        ...set(
          `tasks=${JSON.stringify([
            { name: 'a', classes: first },
            { name: 'b', classes: second },
          ])}`,
        ),
        ...set('batch=2', 'steps=2', 'routing.centroids=1', 'prompts.n_ctx=1', 'checkpoint_every=1'),
        ...set('ewc.samples=4', 'classes_per_step=2'),
      ],
      varies: /continual\.json|\.html$/,
    },
    embed: { args: (out) => ['embed', teacher, ...data, '--out', out, '--part', '16', ...quiet], varies: counted },
    'embed as parquet': {
      args: (out) => ['embed', teacher, ...data, '--out', out, '--part', '16', '--format', 'parquet', ...quiet],
      varies: counted,
    },
    search: { args: () => ['search', at('images/test'), 'red', '--model', teacher, ...quiet], varies: counted },
    'search-prompts': {
      args: (out) => [
        ...['search-prompts', teacher, ...data, '--out', join(out, 'prompts.json'), ...quiet, '--split', 'train'],
        ...['--domains', 'drawings', '--sample', '6', '--size', '2', '--pool', '4', '--generations', '1'],
        ...['--population', '4'],
      ],
      varies: /prompts\.json$/,
    },
    'cascade tune': {
      args: (out) => [
        ...['cascade', 'tune', student, teacher, ...data, '--split', 'train', '--held-out', 'test'],
        ...['--out', join(out, 'cascade.json'), '--quiet'],
      ],
      varies: /cascade\.(json|svg)$/,
    },
    compare: {
      args: (out) => [
        ...['compare', student, teacher, ...data, '--runs', '3', '--plot', join(out, 'plot.svg'), '--quiet'],
      ],
      varies: /plot\.svg$/,
    },
    quantize: {
      args: (out) => [
        ...['quantize', student, '--out', out, ...data, ...quiet, '--smaller', '2', '--tune', '2', '--images', '8'],
      ],
    },
    'quantize and finetune': {
      args: (out) => [
        ...[
          'quantize',
          student,
          '--out',
          out,
          ...data,
          ...quiet,
          '--finetune',
          '2',
          '--teacher',
          teacher,
          '--images',
          '8',
        ],
      ],
    },
    export: { args: (out) => [...exporting, '--out', out] },
    'export of a bank': { args: (out) => ['export', at('bank-of-two'), '--out', out, '--quiet'] },
    web: { args: (out) => ['web', at('exported'), ...data, '--out', out, '--quiet'] },
    'web with questions': {
      args: (out) => ['web', at('teacher-exported'), '--vqa', at('vqa-exported'), '--out', out, '--quiet'],
    },
    'vqa train': { args: (out) => [...vqa, ...head, '--out', out] },
    'vqa evaluate': {
      args: (out) => [
        ...['vqa', 'evaluate', teacher, '--head', at('head'), '--data', `csv:${at('questions.csv')}`],
        ...['--answers', join(out, 'answers.json'), ...quiet],
      ],
    },
    'vqa export': { args: (out) => ['vqa', 'export', teacher, '--head', at('head'), '--out', out, '--quiet'] },
    'defects fit': { args: (out) => [...fit, '--out', out] },
    'defects fit with tuned prompts': {
      args: (out) => [
        ...[...fit, '--mode', 'tuned', '--others', `mvtec:${at('plates')}`, '--out', out],
        ...set('tuning.steps=2', 'tuning.batch=2', 'tuning.n_ctx=1', 'checkpoint_every=1'),
      ],
    },
    'defects export': {
      args: (out) => ['defects', 'export', at('detector'), ...plates, '--product', 'plate', '--out', out],
    },
    'defects run': {
      args: (out) => [
        'defects',
        'run',
        at('detector'),
        at('plates/plate/test/spot/0.png'),
        image,
        '--out',
        out,
        ...quiet,
      ],
      varies: /results\.jsonl$/,
    },
    'medical-report index': { args: (out) => [...index, ...findings, '--out', out] },
    'medical-report export': {
      args: (out) => ['medical-report', 'export', teacher, '--index', at('index'), '--out', out, ...quiet],
    },
    'medical-report draft': {
      args: (out) => [
        ...[
          'medical-report',
          'draft',
          teacher,
          image,
          '--index',
          at('index'),
          '--out',
          join(out, 'draft.json'),
          ...quiet,
        ],
      ],
      varies: /draft\.json$/,
    },
    report: {
      before: copied('run'),
      args: (out) => ['report', out, '--quiet'],
      varies: /training\.html$/,
    },
    'runs csv': { before: copied('run'), args: (out) => ['runs', 'csv', out, '--quiet'], varies: /history\.csv$/ },
    'runs clean': {
      before: (out) => cpSync(at('run'), join(out, 'run'), { recursive: true }),
      args: (out) => ['runs', 'clean', out, '--yes', '--quiet'],
    },
    'data show': { args: (out) => ['data', 'show', data[1], '--out', join(out, 'sheet.png'), '--quiet'] },
    'augment images': {
      args: (out) => [
        'augment',
        'images',
        ...data,
        '--images',
        '2',
        '--views',
        '2',
        '--out',
        join(out, 'views.png'),
        '--quiet',
      ],
    },
    'jobs run': {
      args: (out) => [
        ...['jobs', 'run', '--folder', out, '--each', 'class=a,b', '--quiet', '--'],
        ...['prompts', 'list', '--class', '{class}', '--sample', '1'],
      ],
      varies: /^(out\/)?(records|jobs|logs)?\/?.*\.(json|log)$/,
    },
    sweep: { args: (out) => ['sweep', at('sweep.yaml'), '--out', out, '--quiet'], varies: /\.(json|log|html)$/ },
    diloco: {
      args: (out) => [
        ...['diloco', 'run', '--folder', out, '--replicas', '1', '--local-steps', '2', '--quiet', '--'],
        ...['pretrain', ...data, '--threads', '1', '--workers', '0', ...tiny],
      ],
      varies: /\.(json|log)$|round-\d+\.safetensors$/,
    },
  };
}

/** What is written about a run, not of it: times, and where it ran. */
export const variesAlways =
  /(^|\/)(run\.json|history\.jsonl|log\.jsonl|training\.json|state\.safetensors|metrics\.json|recipe\.yaml|checksums\.json|README\.md|.*tfevents.*)$/;
