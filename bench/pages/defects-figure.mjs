// Draws docs/defects.png: a defective image of each product of `surfaces`, its mask, and what a few-shot detector makes of it.
//
//   node bench/pages/defects-figure.mjs [--model models/emoji-student] [--out docs/defects.png]
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { loadTowerModel } from '../../dist/model/index.js';
import { fitDetector, heatMap, openDefectData, openInspector, productOf } from '../../dist/tasks/index.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'models/emoji-student' },
    out: { type: 'string', default: 'docs/defects.png' },
  },
});
const shown = { fabric: 'hole', metal: 'scratch', wood: 'misprint', tile: 'stain', 'circuit board': 'missing part' };
const [side, gap, label] = [200, 8, 26];
const model = await loadTowerModel(values.model, 'inspecting');
const last = model.config.vision_config.num_hidden_layers;
const view = {
  side: 4 * model.config.vision_config.image_size,
  overlap: 0,
  layers: [Math.round((2 * last) / 3), last],
};
const dataset = await openDefectData('surfaces');
const layers = [];
const put = async (png, column, row) =>
  layers.push({
    input: await sharp(png).resize(side, side).png().toBuffer(),
    left: column * (side + gap) + gap,
    top: label + row * (side + gap),
  });
for (const [column, [name, defect]] of Object.entries(shown).entries()) {
  const product = productOf(dataset, name);
  const options = { model, dataset, product, view, shots: 8, coreset: 0.2, falseAlarms: 50, seed: 0, threads: 1 };
  const { detector } = await fitDetector('few-shot', options);
  const inspector = openInspector(detector, { threads: 1 });
  // Of the first of its kind that is not the faintest.
  const example = product.test.filter((image) => image.defect === defect)[1];
  const image = await dataset.load(example);
  const mask = await dataset.mask(example, image);
  const found = await inspector.inspect(image, example.id);
  const raw = (data, channels) => sharp(data, { raw: { width: image.width, height: image.height, channels } });
  await put(await raw(image.data, 3).png().toBuffer(), column, 0);
  await put(
    await raw(
      mask.data.map((one) => 255 * one),
      1,
    )
      .png()
      .toBuffer(),
    column,
    1,
  );
  await put(await heatMap(image, found), column, 2);
  const text = `${name.replace('circuit ', '')}, ${defect}: ${found.score.toFixed(2)}`;
  layers.push({
    input: Buffer.from(
      `<svg width="${side}" height="${label}"><text x="0" y="18" font-family="sans-serif" font-size="14" fill="#222">${text}</text></svg>`,
    ),
    left: column * (side + gap) + gap,
    top: 0,
  });
  await inspector.dispose();
}
const [width, height] = [Object.keys(shown).length * (side + gap) + gap, label + 3 * (side + gap)];
await sharp({ create: { width, height, channels: 3, background: '#fff' } })
  .composite(layers)
  .png({ compressionLevel: 9, palette: true, quality: 80 })
  .toFile(values.out);
