// Which class an image shows, without training: names are enough. The image may be a path or bytes.
// node examples/zero-shot.mjs [image] [class …]
import { readFile } from 'node:fs/promises';
import { classify, openDataset } from 'promptkd';
import { sampleImages } from 'promptkd/export';

const [file, ...names] = process.argv.slice(2);

// Without arguments: a drawing of the built-in data, and its classes.
const builtIn = file && names.length > 0 ? undefined : await openDataset('emoji');
const classes = builtIn && names.length === 0 ? builtIn.classes.map(({ name }) => name) : names;
const image = file ? await readFile(file) : builtIn && (await sampleImages(builtIn, 1))[0]?.bytes;
if (!image) throw new Error('no image');

for (const { class: name, probability } of await classify('promptkd:emoji-student', image, classes, { top: 5 })) {
  console.log(`${(100 * probability).toFixed(1).padStart(5)} %  ${name}`);
}
