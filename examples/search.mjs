// Finds the images of a folder by text: they are embedded once, and what is new the next time.
// node examples/search.mjs [data] [text] [folder of the embeddings]      node examples/search.mjs folder:photos "a red car"
import { embedDataset, loadModel, openDataset, SearchIndex } from 'promptkd';
import { textQuery } from 'promptkd/search';

const [data = 'emoji', text = 'a drawing of a red apple', out = 'runs/embedded'] = process.argv.slice(2);
const modelName = 'promptkd:emoji-student';
const model = await loadModel(modelName);
const { embedded, already } = await embedDataset(model, await openDataset(data), { out, modelName });
console.log(`${embedded} images embedded, ${already} were there`);

const index = await SearchIndex.open(out);
const [hits = []] = await index.nearest(await textQuery(model, [text]), 5);
for (const { score, image_path, caption } of hits) console.log(score.toFixed(3), image_path, caption ?? '');
