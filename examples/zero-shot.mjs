// Which class an image shows, without training: names are enough. The image may be a path or bytes.
// node examples/zero-shot.mjs [image] [class …]
import { readFile } from 'node:fs/promises';
import { classify, openDataset } from 'promptkd';
import { sampleImages } from 'promptkd/export';

const [file, ...names] = process.argv.slice(2);
const dataset = await openDataset('emoji');
const classes = names.length > 0 ? names : dataset.classes.map(({ name }) => name);

// The bytes of an image file: your own, or a drawing of the built-in data.
const image = file ? await readFile(file) : (await sampleImages(dataset, 1))[0]?.bytes;
if (!image) throw new Error('no image');

for (const { class: name, probability } of await classify('promptkd:emoji-student', image, classes, { top: 5 })) {
  console.log(`${(100 * probability).toFixed(1).padStart(5)} %  ${name}`);
}
