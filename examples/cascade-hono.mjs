// An HTTP endpoint in one's own Hono app: a small model answers, and asks the teacher where it is unsure.
// node examples/cascade-hono.mjs [port]      curl -F image=@cat.png http://localhost:PORT/classify
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { cascade, openDataset } from 'promptkd';
import { sampleImages } from 'promptkd/export';

const dataset = await openDataset('emoji');
const models = await cascade(
  { student: 'promptkd:emoji-student', teacher: 'promptkd:emoji-teacher', threshold: 0.8 },
  { classes: dataset.classes.map(({ name }) => name) },
);

const app = new Hono();
app.post('/classify', async (c) => {
  const { image } = await c.req.parseBody();
  if (!(image instanceof File)) return c.json({ error: 'expected a file in the field image' }, 400);
  const [answer] = await models.classify([image]);
  return c.json({ answeredBy: answer?.stage === 0 ? 'student' : 'teacher', top: answer?.top.slice(0, 3) });
});

const [port] = process.argv.slice(2);
if (port) {
  serve({ fetch: app.fetch, port: Number(port) }, ({ port }) => console.log(`http://localhost:${port}/classify`));
} else {
  // Without a port the app asks itself about two drawings.
  for (const { bytes } of await sampleImages(dataset, 2)) {
    const body = new FormData();
    body.set('image', new File([new Uint8Array(bytes)], 'drawing.png'));
    console.log(await (await app.request('/classify', { method: 'POST', body })).json());
  }
  await models.close();
}
