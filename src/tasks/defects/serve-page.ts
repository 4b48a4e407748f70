import { Html, html } from '../../report/index.js';
import type { ExtensionPage } from '../../serve/index.js';
import type { Detector } from './detector.js';
import { mappedScore } from './threshold.js';

const style = `
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 46rem; padding: 1.5rem; }
h1 { font-size: 1.4rem; margin: 0 0 .5rem; }
.stage { position: relative; display: inline-block; background: #8883; }
.stage canvas, .stage video { display: block; width: min(100%, 32rem); height: auto; }
#heat { position: absolute; inset: 0; opacity: .6; }
#video { display: none; }
.row { display: flex; gap: .75rem; flex-wrap: wrap; align-items: center; margin: .75rem 0; }
#verdict { font-size: 1.3rem; font-weight: 600; }
#verdict.bad { color: #c62828; }
#verdict.good { color: #2e7d32; }
input[type=range] { width: min(100%, 24rem); height: 28px; }
button { font: inherit; padding: .4rem .9rem; min-height: 28px; }
#note { min-height: 1.5rem; }
`;

/** Runs in the browser; it talks to this server alone. */
const script = `
const at = (id) => document.getElementById(id);
const about = JSON.parse(at('about').textContent);
const [video, image, heat, verdict, note, slider, cost, key] =
  ['video', 'image', 'heat', 'verdict', 'note', 'threshold', 'cost', 'key'].map(at);
for (const canvas of [image, heat]) [canvas.width, canvas.height] = [about.width, about.height];
let stream;
let last;

/** Of 1,000 sound images, as those that the threshold was set by say. */
const alarms = (t) => (1000 * (about.sound.filter((s) => s > t).length + 1)) / (about.sound.length + 1);

function show() {
  const t = Number(slider.value);
  const few = about.sound.every((s) => s <= t);
  cost.textContent =
    'threshold ' + t.toFixed(2) + ': ' + (few ? 'at most about ' : 'about ') + alarms(t).toFixed(0) +
    ' false alarms of 1,000 sound parts, by ' + about.sound.length + ' sound images';
  if (!last) return;
  const bad = last.score > t;
  verdict.textContent = (bad ? 'Defective' : 'Sound') + ', score ' + last.score.toFixed(3);
  verdict.className = bad ? 'bad' : 'good';
  const context = heat.getContext('2d');
  const drawn = context.createImageData(about.width, about.height);
  for (let i = 0; i < last.map.length; i++) {
    const x = last.map[i] / 255;
    const over = x > t;
    drawn.data.set([255, over ? 40 : 200, 0, over ? 230 : Math.round(150 * x)], i * 4);
  }
  context.putImageData(drawn, 0, 0);
}

async function mapOf(base64) {
  const picture = new Image();
  picture.src = 'data:image/png;base64,' + base64;
  await picture.decode();
  const canvas = new OffscreenCanvas(about.width, about.height);
  const context = canvas.getContext('2d');
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, about.width, about.height);
  return Uint8Array.from({ length: data.length / 4 }, (_, i) => data[i * 4]);
}

/** Draws the middle of a picture in the shape that the detector was fitted on, and asks the server. */
async function inspect(source, width, height) {
  const scale = Math.min(width / about.width, height / about.height);
  const [w, h] = [about.width * scale, about.height * scale];
  image.getContext('2d').drawImage(source, (width - w) / 2, (height - h) / 2, w, h, 0, 0, about.width, about.height);
  const file = await new Promise((resolve) => image.toBlob(resolve, 'image/png'));
  const body = new FormData();
  body.append('images', file, 'image.png');
  body.append('maps', 'true');
  const headers = key.value ? { authorization: 'Bearer ' + key.value } : {};
  const response = await fetch('/v1/defects', { method: 'POST', body, headers });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error?.message ?? 'The server answered ' + response.status);
  const [result] = answer.results;
  if (result.error) throw new Error(result.error);
  last = { score: result.pred_score, map: await mapOf(result.anomaly_map) };
  show();
}

const say = (text) => (note.textContent = text);
const fail = (error) => say(error.message);

function stop(text) {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = undefined;
  at('camera').textContent = 'Start the camera';
  say(text ?? '');
}

at('camera').addEventListener('click', async () => {
  if (stream) return stop();
  if (!navigator.mediaDevices) return say('The camera needs https:// or localhost.');
  try {
    const opened = await navigator.mediaDevices.getUserMedia({ video: { facingMode: { ideal: 'environment' } } });
    stream = opened;
    const [track] = opened.getVideoTracks();
    track.addEventListener('ended', () => stream === opened && stop('The camera went away. Connect it, and start it again.'));
    video.srcObject = opened;
    await video.play();
    at('camera').textContent = 'Stop the camera';
    say('');
    while (stream === opened) await inspect(video, video.videoWidth, video.videoHeight);
  } catch (error) {
    const reasons = { NotAllowedError: 'The camera may not be used: allow it in the settings of this page.', NotFoundError: 'No camera was found.' };
    stop(reasons[error.name] ?? error.message);
  }
});

at('file').addEventListener('change', async () => {
  const [file] = at('file').files;
  if (!file) return;
  stop();
  try {
    const bitmap = await createImageBitmap(file);
    await inspect(bitmap, bitmap.width, bitmap.height);
  } catch (error) {
    fail(error);
  }
});
slider.addEventListener('input', show);
show();
`;

/** The page's size where the detector takes any: that of a usual camera, halved. */
const usual = [480, 640] as const;

/**
 * The page of a detector: a live camera or a file, the heat map over it, and a slider that says how many false alarms a
 * threshold costs.
 */
export function defectsPage({ product, size = usual, limits }: Detector): ExtensionPage {
  const [height, width] = size;
  const sound = limits.image.sound.map((score) => mappedScore(score, limits.image));
  // Nothing in a script element may end it.
  const about = JSON.stringify({ width, height, sound }).replaceAll('<', '\\u003c');
  const markup = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>Inspect: ${product}</title>
<style>${new Html(style)}</style>
</head>
<body>
<main>
<h1>Inspect: ${product}</h1>
<p>Images are sent to this server and nowhere else. The middle of the camera’s picture is taken, ${width} × ${height} pixels.</p>
<div class="stage"><video id="video" muted playsinline></video><canvas id="image" aria-label="The image"></canvas><canvas id="heat" aria-hidden="true"></canvas></div>
<div class="row"><button id="camera" type="button">Start the camera</button><label>or a file: <input id="file" type="file" accept="image/*"></label></div>
<p id="verdict" aria-live="polite"></p>
<div class="row"><label for="threshold">Threshold</label><input id="threshold" type="range" min="0" max="1" step="0.01" value="0.5"></div>
<p id="cost"></p>
<p id="note" role="status"></p>
<details><summary>Bearer key</summary><input id="key" type="password" autocomplete="off" aria-label="Bearer key"></details>
</main>
<script type="application/json" id="about">${new Html(about)}</script>
<script>${new Html(script)}</script>
</body>
</html>
`.markup;
  return { path: '/defects', markup, script, style };
}
