// The shipped student as `promptkd export` writes it, with the built-in drawings' classes: what the server and the page run.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exportModel } from '../dist/compress/index.js';
import { openDataset } from '../dist/data/index.js';
import { loadModel } from '../dist/model/index.js';

const shipped = fileURLToPath(new URL('../models/emoji-student', import.meta.url));

/** Calls `use` with `given`, or else with the folder of the shipped student's export, which is removed afterwards. */
export async function withExport(given, use) {
  if (given !== undefined) return use(given);
  const out = mkdtempSync(join(tmpdir(), 'promptkd-exported-'));
  try {
    const [model, dataset] = await Promise.all([loadModel(shipped), openDataset('emoji')]);
    const classes = dataset.classes.filter(({ novel }) => !novel).map(({ name }) => name);
    await exportModel({ model, out, classes });
    return await use(out);
  } finally {
    rmSync(out, { recursive: true });
  }
}
