// docs/medical-report.png: a few phantoms of the test split, what a student found on them and where, and the drafts.
//
//   node bench/pages/medical-report-figure.mjs --student runs/phantom-student --index runs/phantom-reports [--out docs/medical-report.png]
import { writeFileSync } from 'node:fs';
import sharp from 'sharp';
import { loadModel } from '../../dist/model/index.js';
import { Drafter, loadReportIndex, openStudies } from '../../dist/tasks/index.js';
import { readOptions } from '../options.mjs';

const values = readOptions({
  ...{ student: 'runs/phantom-student', index: 'runs/phantom-reports', out: 'docs/medical-report.png' },
});
const drafter = await Drafter.open(await loadModel(values.student), await loadReportIndex(values.index), {
  threads: 1,
});
const { studies, dataset } = await openStudies('phantoms');
const held = studies.filter(({ split }) => split === 'test').slice(0, 5);

const [side, width] = [220, 920];
const escaped = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');
const layers = [];
const texts = [];
let top = 60;
for (const { images, report } of held) {
  const image = await dataset.load(images[0]);
  const draft = await drafter.draft([image], [images[0].id]);
  const raw = { width: image.width, height: image.height, channels: 3 };
  layers.push({
    input: await sharp(image.data, { raw }).resize(side, side, { kernel: 'cubic' }).png().toBuffer(),
    ...{ left: 8, top },
  });
  const boxes = draft.sentences.flatMap(({ evidence }) => (evidence.region ? [evidence.region] : []));
  const colours = ['#ffb000', '#2fd4ff', '#ff6ad5'];
  for (const [k, [x, y, w, h]] of boxes.entries()) {
    texts.push(
      `<rect x="${8 + x * side}" y="${top + y * side}" width="${w * side}" height="${h * side}" fill="none" stroke="${colours[k % 3]}" stroke-width="2"/>`,
    );
  }
  let [y, shown] = [top + 14, 0];
  const say = (text, colour, size = 13) => {
    texts.push(`<text x="244" y="${y}" fill="${colour}" font-size="${size}">${escaped(text)}</text>`);
    y += size + 6;
  };
  say('reference', '#8a94a3', 11);
  for (const part of report.match(/.{1,92}(\s|$)/g)) say(part, '#c9d1dc');
  y += 6;
  say('draft', '#8a94a3', 11);
  for (const { text, evidence } of draft.sentences) {
    say(text, evidence.region ? colours[shown++ % 3] : '#f2f5f9');
    say(
      `   ${evidence.finding} ${evidence.probability.toFixed(2)}, from ${evidence.study}, similarity ${evidence.similarity.toFixed(2)}`,
      ...['#8a94a3', 10],
    );
    y += 2;
  }
  if (draft.no_statement_about.length > 0) say(`no statement: ${draft.no_statement_about.join(', ')}`, '#d08770', 11);
  top = Math.max(top + side, y) + 20;
}
await drafter.dispose();
const height = top;
const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="DejaVu Sans, sans-serif">
<text x="8" y="22" fill="#f2f5f9" font-size="15">DRAFT. Research use only. Not a medical device. To be reviewed by a qualified clinician.</text>
<text x="8" y="44" fill="#d08770" font-size="13">Synthetic phantoms, drawn by a program: no radiographs, no patients. Boxes: where the head looks.</text>${texts.join('')}</svg>`;
const made = await sharp({ create: { width, height, channels: 3, background: '#161b22' } })
  .composite([...layers, { input: Buffer.from(svg), left: 0, top: 0 }])
  .png({ compressionLevel: 9, palette: true })
  .toBuffer();
writeFileSync(values.out, made);
console.log(values.out);
