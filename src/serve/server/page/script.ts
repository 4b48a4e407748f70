import { imageFormats } from '../image-format.js';

const formats = `${imageFormats.slice(0, -1).join(', ')} or ${imageFormats.at(-1)!}`;

/** The page's script, for the browser; it talks to this server alone. */
export const script = `
const at = (id) => document.getElementById(id);
const [form, model, file, drop, texts, key, go, out] =
  ['form', 'model', 'file', 'drop', 'texts', 'key', 'go', 'out'].map(at);
const make = (tag, text, cls) => {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (cls) node.className = cls;
  return node;
};
const percent = (p) => (100 * p).toFixed(1) + ' %';
let chosenFile;
let known = [];
/** Counts what was asked or changed: an answer to an older question is not shown. */
let newest = 0;

const tasks = {
  classify: { go: 'Classify', texts: 'Classes', note: '', empty: 'The most likely classes appear here.', show: showClasses },
  similarity: { go: 'Compare', texts: 'Texts', note: '', empty: 'How well each text fits the image appears here.', show: showSimilarity },
  embed: { go: 'Embed', texts: 'Texts', note: 'optional', empty: 'The embeddings appear here.', show: showEmbeddings },
};
const task = () => form.elements.task.value;
const lines = () => texts.value.split('\\n').map((line) => line.trim()).filter(Boolean);

/** What a fault of the server means to whoever looks at this page, by its code. */
const meanings = {
  unauthorized: 'This server needs a key. Enter it under “Bearer key”.',
  wrong_host: 'Open this page as localhost.',
  unsupported_image: 'This file is not an image that the server can read. Use ${formats}.',
  unreadable_image: 'This image cannot be read. It may be damaged or cut off.',
  too_large: 'This image is too large for the server. Use a smaller one.',
  slow_body: 'The upload was too slow, and the server ended it. Try again.',
  busy: 'The server is busy. Try again in a moment.',
  not_ready: 'The server is still starting, or stopping. Try again in a moment.',
  timeout: 'The server took too long to answer. Try again.',
  unknown_model: 'This model is no longer served. Reload the page.',
  internal: 'The server failed. Its log says why.',
};
function meaning({ code, message } = {}, status) {
  if (meanings[code]) return meanings[code];
  if (status === 429) return meanings.busy;
  if (/^classes: expected names/.test(message)) return 'Type at least one class: this model has none of its own.';
  const twice = /^classes.*got ("(?:.*)") twice/.exec(message);
  if (twice) return 'The class ' + twice[1] + ' is there twice. Remove one.';
  return message ? 'The server did not accept this: ' + message + '.' : 'The server answered ' + status + '.';
}

async function ask(path, options) {
  const headers = key.value ? { authorization: 'Bearer ' + key.value } : {};
  let response;
  try {
    // Below another server's path, too.
    response = await fetch(location.pathname.replace(/\\/$/, '') + path, { ...options, headers });
  } catch {
    throw new Error('The server cannot be reached. Is it still running?');
  }
  const json = await response.json().catch(() => undefined);
  if (response.ok) return json;
  if (response.status === 401) at('keys').open = true;
  throw new Error(meaning(json?.error, response.status));
}

async function loadModels() {
  known = (await ask('/v1/models')).models;
  model.replaceChildren(...known.map(({ name, kind }) => {
    const option = make('option', kind === 'cascade' ? name + ' (cascade)' : name);
    option.value = name;
    return option;
  }));
  describe();
}

const fail = (message) => out.replaceChildren(make('p', message, 'error'));

/** Clears the answer: it belongs to what was asked before. */
function clear() {
  newest++;
  out.replaceChildren(make('p', tasks[task()].empty, 'empty'));
}

function describe() {
  const { go: verb, texts: title, note } = tasks[task()];
  const own = known.find(({ name }) => name === model.value)?.classes ?? 0;
  go.textContent = verb;
  at('texts-title').textContent = title;
  at('image-note').textContent = note;
  texts.placeholder = task() !== 'classify' ? 'a photo of a cat\\na photo of a house'
    : own > 0 ? 'Leave empty for the model’s own ' + own + ' classes' : 'cat\\nhouse\\ntree';
  clear();
}

function choose(chosen) {
  if (!chosen) return;
  chosenFile = chosen;
  const image = make('img');
  image.alt = chosen.name;
  const address = URL.createObjectURL(chosen);
  image.onload = image.onerror = () => URL.revokeObjectURL(address);
  image.src = address;
  drop.querySelector('.shown').replaceChildren(image);
  clear();
}

function bars(rows) {
  const list = make('ol', undefined, 'top');
  for (const [name, share, text] of rows) {
    const item = make('li');
    const meter = make('meter');
    meter.value = Math.max(0, share);
    meter.setAttribute('aria-label', name + ': ' + text);
    item.append(make('span', name), make('b', text), meter);
    list.append(item);
  }
  return list;
}

function facts(ms, ...more) {
  const list = make('ul', undefined, 'facts');
  list.append(make('li', Math.round(ms) + ' ms'), ...more);
  return list;
}

function showClasses({ results: [result] }, ms) {
  const more = [make('li', 'confidence ' + result.confidence.toFixed(3))];
  if (result.scoring === 'sigmoid') more.push(make('li', 'each class by itself'));
  if (result.stage !== undefined) more.push(make('li', 'answered by model ' + (result.stage + 1)));
  if (result.degraded) more.push(make('li', 'the slower model did not answer', 'warn'));
  return [bars(result.top.map(({ class: name, probability }) => [name, probability, percent(probability)])), facts(ms, ...more)];
}

function showSimilarity({ similarity: [row] }, ms, asked) {
  const rows = asked.map((text, i) => [text, row[i], row[i].toFixed(3)]).sort((a, b) => b[1] - a[1]);
  return [bars(rows), facts(ms, make('li', 'cosine similarity, −1 to 1'))];
}

function showEmbeddings(answer, ms, asked) {
  const rows = [...answer.images.map((row) => ['Image', row]), ...answer.texts.map((row, i) => [asked[i], row])];
  const list = make('dl', undefined, 'rows');
  for (const [name, row] of rows) {
    const start = row.slice(0, 6).map((x) => x.toFixed(4)).join(', ');
    list.append(make('dt', name), make('dd', '[' + start + (row.length > 6 ? ', …' : '') + ']'));
  }
  const copy = make('button', 'Copy as JSON');
  copy.type = 'button';
  copy.addEventListener('click', async () => {
    await navigator.clipboard.writeText(JSON.stringify({ images: answer.images, texts: answer.texts }));
    copy.textContent = 'Copied';
  });
  return [list, facts(ms, make('li', answer.width + ' dimensions'), make('li', 'unit length')), ...(navigator.clipboard ? [copy] : [])];
}

/** What is still missing, in words; undefined where all is there. */
function missing(name, asked) {
  if (name === 'embed') return chosenFile || asked.length > 0 ? undefined : 'Choose an image or type a text first.';
  if (!chosenFile) return 'Choose an image first.';
  if (name === 'similarity' && asked.length === 0) return 'Type at least one text first.';
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const [name, asked] = [task(), lines()];
  const lack = missing(name, asked);
  if (lack) return fail(lack);
  clear();
  const mine = newest;
  go.disabled = true;
  try {
    if (known.length === 0) await loadModels().catch(() => {});
    const body = new FormData();
    if (chosenFile) body.append('images', chosenFile);
    if (model.value) body.append('model', model.value);
    for (const text of asked) body.append(name === 'classify' ? 'classes' : 'texts', text);
    const start = performance.now();
    const answer = await ask('/v1/' + name, { method: 'POST', body });
    if (mine === newest) out.replaceChildren(...tasks[name].show(answer, performance.now() - start, asked));
  } catch (error) {
    if (mine === newest) fail(error.message);
  }
  go.disabled = false;
});
file.addEventListener('change', () => choose(file.files[0]));
model.addEventListener('change', describe);
for (const radio of form.elements.task) radio.addEventListener('change', describe);
key.addEventListener('change', () => loadModels().catch((error) => fail(error.message)));
const root = document.documentElement;
addEventListener('dragover', (event) => {
  event.preventDefault();
  root.classList.add('dragging');
});
addEventListener('dragleave', (event) => {
  if (!event.relatedTarget) root.classList.remove('dragging');
});
addEventListener('drop', (event) => {
  event.preventDefault();
  root.classList.remove('dragging');
  choose(event.dataTransfer.files[0]);
});
addEventListener('paste', (event) => choose(event.clipboardData?.files[0]));
for (const node of document.querySelectorAll('.here')) node.textContent = location.origin;
describe();
loadModels().catch((error) => fail(error.message));
`.trim();
