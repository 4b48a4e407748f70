import { createHash } from 'node:crypto';
import { Html, html } from '../../../report/index.js';
import { imageFormats } from '../image-format.js';
import { script } from './script.js';
import { style } from './style.js';

const routes: readonly (readonly [address: string, about: string])[] = [
  ['POST /v1/classify', 'The most likely classes of images; through a cascade if the model is one.'],
  ['POST /v1/embed', 'Embeddings of images and texts, normalised to unit length.'],
  ['POST /v1/similarity', 'Cosine similarities between images and texts.'],
  ['GET /v1/models', 'The models of this server.'],
  ['GET /openapi.json', 'All fields and answers in OpenAPI’s form, for tools.'],
  ['GET /healthz, /readyz', 'Whether the process is up, and whether it accepts requests.'],
  ['GET /metrics', 'Metrics for Prometheus.'],
];

const tasks = [
  ['classify', 'Classify'],
  ['similarity', 'Similarity'],
  ['embed', 'Embed'],
] as const;

const here = html`<span class="here">http://localhost:8080</span>`;
const form = html`curl ${here}/v1/classify \\
  -F images=@photo.jpg \\
  -F classes=cat -F classes=house`;
const json = html`curl ${here}/v1/similarity \\
  -H 'content-type: application/json' \\
  -d '{"images": ["BASE64"], "texts": ["a photo of a cat"]}'`;

/** What pages may do: run their own scripts and styles, and ask this server. @param others pages beside this one */
export const policyFor = (others: readonly { readonly script: string; readonly style: string }[]) => ({
  defaultSrc: ["'none'"],
  scriptSrc: [script, ...others.map((own) => own.script)].map(hashOf),
  styleSrc: [style, ...others.map((own) => own.style)].map(hashOf),
  imgSrc: ['blob:', 'data:'],
  connectSrc: ["'self'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
});

/** The page that documents and tries the server: one file, nothing fetched but its answers. */
export const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>promptkd server</title>
<style>${new Html(style)}</style>
</head>
<body>
<main>
<header>
<p class="brand">promptkd server</p>
<h1>Try an image</h1>
<p class="lead">It is sent to this server and nowhere else. Formats: ${imageFormats.slice(0, -1).join(', ')} or ${imageFormats.at(-1)!}.</p>
</header>
<div class="try">
<form id="form" class="card">
<fieldset class="tasks"><legend class="hidden">What to do</legend>${tasks.map(
  ([name, title], i) =>
    html`<input type="radio" name="task" id="task-${name}" value="${name}" class="hidden"${i === 0 ? html` checked` : ''}><label for="task-${name}">${title}</label>`,
)}</fieldset>
<div><label for="model">Model</label><select id="model" name="model"></select></div>
<div><span class="label">Image <small id="image-note"></small></span>
<label id="drop" class="drop"><input id="file" class="hidden" type="file" accept="image/jpeg,image/png,image/webp,image/avif,image/gif">
<span class="shown">Choose an image</span><small>or drop it anywhere, or paste it</small></label></div>
<div><label for="texts"><span id="texts-title">Classes</span> <small>one per line</small></label><textarea id="texts" name="texts" spellcheck="false"></textarea></div>
<details id="keys"><summary>Bearer key</summary><input id="key" type="password" autocomplete="off" aria-label="Bearer key"><small>Kept in this page only.</small></details>
<button id="go">Classify</button>
</form>
<section class="card answer" aria-live="polite" aria-label="Answer" id="out"></section>
</div>
<h2>Endpoints</h2>
<ul class="routes">${routes.map(([address, about]) => html`<li><code>${address}</code><p>${about}</p></li>`)}</ul>
<h2>From the command line</h2>
<h3>A form with files</h3>
<pre tabindex="0">${form}</pre>
<h3>JSON with images in base64</h3>
<pre tabindex="0">${json}</pre>
</main>
<script>${new Html(script)}</script>
</body>
</html>
`.markup;

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
