import { rmSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { fileList } from '../../files/index.js';
import { thresholdFromSound } from '../../tasks/defects/threshold.js';
import { loadDetector, loadVqaHead, openDefectData, openStudies, openVqa, saveDetector } from '../../tasks/index.js';
import { loadReportIndex } from '../../tasks/medical-report/corpus/index-folder.js';
import { madeDicom } from '../../tasks/medical-report/data/dicom.fixture.js';
import { squareStudies } from '../../tasks/medical-report/squares.fixture.js';
import { reportIndexRecipe } from '../../tasks/medical-report/train/index-recipe.js';
import { makeReportIndex } from '../../tasks/medical-report/train/make-index.js';
import { trainVqa, vqaRecipe } from '../../tasks/vqa/index.js';
import { tinyModel, tinyVqa } from '../../tasks/vqa/tiny-vqa.fixture.js';
import { compileOptions, teacher } from '../colours.fixture.js';
import { put } from '../images.fixture.js';
import type { Parser } from './parsers.fixture.js';

/** Questions, opened, and the first image of each split read. */
const questions = (name: string, kind: string, files: Readonly<Record<string, unknown>>, rest = ''): Parser => ({
  name,
  make: async (folder) => {
    for (const image of [
      'a.png',
      'images/val/a.png',
      'images/23.jpg',
      'images/val2014/COCO_val2014_000000000009.jpg',
    ]) {
      await put(folder, image);
    }
    for (const [file, content] of Object.entries(files)) {
      await put(folder, file, typeof content === 'string' ? content : JSON.stringify(content));
    }
  },
  read: async (folder) => {
    const { images } = await openVqa(`${kind}:${join(folder, rest)}`);
    for (const [example] of Object.values(images.splits)) if (example) await images.load(example);
  },
  files: /\.(json|csv)$/,
});

/** Studies, opened, and the first image of each split read. */
const studies = (name: string, spec: string, files: Readonly<Record<string, string | Buffer>>): Parser => ({
  name,
  make: async (folder) => {
    for (const [file, content] of Object.entries(files)) await put(folder, file, content);
    for (const file of ['1.png', '2.png']) await put(folder, `images/${file}`);
  },
  read: async (folder) => {
    const { dataset } = await openStudies(spec.replace('DIR', folder));
    for (const [example] of Object.values(dataset.splits)) if (example) await dataset.load(example);
  },
  files: /\.(json|csv|dcm)$/,
});

const ten = Array.from({ length: 10 }, (_, i) => ({ answer: 'cat', answer_id: i + 1 }));
const reports = ['The heart is normal in size. No effusion.', 'There is a small left pleural effusion.'];

/** What the tasks read. */
export const taskParsers: readonly Parser[] = [
  questions('a table of questions', 'csv', { 'q.csv': 'image,question,answer\na.png,"what, then?",cat\n' }, 'q.csv'),
  questions('questions of VQAv2', 'vqav2', {
    'v2_OpenEnded_mscoco_val2014_questions.json': {
      questions: [{ image_id: 9, question: 'what?', question_id: 1 }],
    },
    'v2_mscoco_val2014_annotations.json': {
      annotations: [{ question_id: 1, image_id: 9, question_type: 'what', answer_type: 'other', answers: ten }],
    },
  }),
  questions('questions of CLEVR', 'clevr', {
    'CLEVR_val_questions.json': {
      questions: [
        {
          question: 'How many?',
          answer: 3,
          image_filename: 'a.png',
          program: [{ function: 'scene' }, { function: 'count' }],
        },
      ],
    },
  }),
  questions('questions of GQA', 'gqa', {
    'val_balanced_questions.json': {
      '05': { imageId: '23', question: 'Is it red?', answer: 'yes', types: { structural: 'verify' } },
    },
  }),
  {
    name: 'a VQA head',
    make: async (folder) => {
      await trainVqa({
        ...{ model: tinyModel(), data: tinyVqa(), runDir: folder, engine: compileOptions },
        recipe: vqaRecipe.parse({
          ...{ steps: 1, batch: 4, warmup_steps: 0, answers: { min_count: 1 } },
          head: { width: 8, layers: 1, heads: 2, intermediate_size: 8, vision_layer: 2 },
        }),
      });
      // Its checksums would refuse anything before it is parsed.
      rmSync(join(folder, 'head', fileList));
    },
    read: (folder) => loadVqaHead(folder),
    files: /^head\//,
  },
  {
    name: 'an index of reports',
    make: async (folder) => {
      const recipe = reportIndexRecipe.parse({ steps: 1, batch: 4, warmup_steps: 0, head: { width: 4 } });
      const studies = squareStudies({ train: 8, val: 8 });
      await makeReportIndex({ model: teacher, studies, recipe, engine: compileOptions, runDir: folder });
      rmSync(join(folder, 'index', fileList));
    },
    read: loadReportIndex,
    files: /^index\//,
  },
  {
    name: 'a detector of defects',
    make: (folder) => {
      const limit = thresholdFromSound([0.1, 0.2, 0.3], 100);
      const memory = { shape: [2, 3], data: Float32Array.of(1, 0, 0, 0, 1, 0) };
      return saveDetector(folder, {
        ...{ model: teacher, dtype: 'q8', product: 'plate', view: { side: 16, overlap: 0, layers: [1] } },
        ...{ learned: { mode: 'few-shot', memory }, limits: { image: limit, pixel: limit } },
      });
    },
    read: loadDetector,
  },
  {
    name: 'defects and their masks',
    make: async (folder) => {
      for (const name of ['train/good/0.png', 'test/good/0.png', 'test/crack/0.png']) await put(folder, name);
      const half = sharp(
        Uint8Array.from({ length: 200 }, (_, i) => (i % 20 < 10 ? 0 : 255)),
        {
          raw: { width: 20, height: 10, channels: 1 },
        },
      );
      await put(folder, 'ground_truth/crack/0_mask.png', await half.png().toBuffer());
    },
    read: async (folder) => {
      const dataset = await openDefectData(`mvtec:${folder}`);
      for (const image of dataset.products[0]!.test) {
        await dataset.load(image);
        await dataset.mask(image, { width: 20, height: 10 });
      }
    },
    files: /mask/,
  },
  studies('reports of R2Gen', 'iu:DIR/annotation.json', {
    'annotation.json': JSON.stringify({
      train: [{ id: 'a', report: reports[0], image_path: ['1.png'], split: 'train' }],
      val: [],
      test: [{ id: 'b', report: reports[1], image_path: ['2.png'], split: 'test' }],
    }),
  }),
  studies('reports of Open-i', 'openi:DIR', {
    'indiana_reports.csv': `uid,MeSH,findings,impression\n1,normal,"${reports[0]}",\n2,,,${reports[1]}\n`,
    'indiana_projections.csv': 'uid,filename,projection\n1,1.png,Frontal\n2,2.png,Frontal\n',
  }),
  studies('DICOM', 'csv:DIR/t.csv', {
    't.csv': `study,image,report\na,a.dcm,${reports[0]}\nb,images/2.png,${reports[1]}\n`,
    'a.dcm': madeDicom(),
  }),
];
