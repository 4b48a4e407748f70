/** The page's script, for the browser; it talks to this server alone. */
export const script = `
const at = (id) => document.getElementById(id);
const [form, model, file, drop, classes, key, go, out] =
  ['form', 'model', 'file', 'drop', 'classes', 'key', 'go', 'out'].map(at);
const make = (tag, text, cls) => {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (cls) node.className = cls;
  return node;
};
const headers = () => (key.value ? { authorization: 'Bearer ' + key.value } : {});
const percent = (p) => (100 * p).toFixed(1) + ' %';
let picture;
let known = [];

const fail = (message) => out.replaceChildren(make('p', message, 'error'));

async function ask(path, options) {
  const response = await fetch(path, { ...options, headers: headers() });
  const json = await response.json().catch(() => undefined);
  if (response.ok) return json;
  if (response.status === 401) at('keys').open = true;
  throw new Error(json?.error?.message ?? 'the server answered ' + response.status);
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

function describe() {
  const own = known.find(({ name }) => name === model.value)?.classes ?? 0;
  classes.placeholder = own > 0 ? 'Leave empty for the model\\u2019s own ' + own + ' classes' : 'cat\\nhouse\\ntree';
}

function choose(chosen) {
  if (!chosen) return;
  picture = chosen;
  const image = make('img');
  image.alt = chosen.name;
  const address = URL.createObjectURL(chosen);
  image.onload = image.onerror = () => URL.revokeObjectURL(address);
  image.src = address;
  drop.querySelector('.shown').replaceChildren(image);
  go.disabled = false;
}

function show({ results: [result] }, ms) {
  const list = make('ol', undefined, 'top');
  for (const { class: name, probability } of result.top) {
    const item = make('li');
    const meter = make('meter');
    meter.value = probability;
    meter.setAttribute('aria-label', name + ': ' + percent(probability));
    item.append(make('span', name), make('b', percent(probability)), meter);
    list.append(item);
  }
  const facts = make('ul', undefined, 'facts');
  facts.append(make('li', Math.round(ms) + ' ms'), make('li', 'confidence ' + result.confidence.toFixed(3)));
  if (result.stage !== undefined) facts.append(make('li', 'answered by model ' + (result.stage + 1)));
  if (result.degraded) facts.append(make('li', 'the slower model did not answer', 'warn'));
  out.replaceChildren(list, facts);
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  if (!picture) return fail('Choose a picture first.');
  if (known.length === 0) await loadModels().catch(() => {});
  go.disabled = true;
  const body = new FormData();
  body.append('images', picture);
  if (model.value) body.append('model', model.value);
  for (const name of classes.value.split('\\n').map((line) => line.trim()).filter(Boolean)) body.append('classes', name);
  const start = performance.now();
  try {
    show(await ask('/v1/classify', { method: 'POST', body }), performance.now() - start);
  } catch (error) {
    fail(error.message);
  }
  go.disabled = false;
});
file.addEventListener('change', () => choose(file.files[0]));
model.addEventListener('change', describe);
key.addEventListener('change', () => loadModels().then(() => out.replaceChildren(), (error) => fail(error.message)));
for (const name of ['dragover', 'dragleave', 'drop']) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle('over', name === 'dragover');
    if (name === 'drop') choose(event.dataTransfer.files[0]);
  });
}
addEventListener('paste', (event) => choose(event.clipboardData?.files[0]));
for (const node of document.querySelectorAll('.here')) node.textContent = location.origin;
loadModels().catch((error) => fail(error.message));
`.trim();
