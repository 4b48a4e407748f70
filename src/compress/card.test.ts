import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { writeCard } from './card.js';
import { code, codeBlock, plain } from './markdown.js';
import { checkpoint } from './student.fixture.js';

const evil =
  'x` <img src=x onerror=alert(1)> `\n---\n# [a](javascript:alert(2)) | http://evil.example www.evil.example';

describe('a model card', () => {
  it('shows what others wrote, and does none of it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'promptkd-card-'));
    const recipe = `note: "\`\`\`\n\n<script>alert(2)</script>"\nraw: |\n  x\n  \`\`\`\n  <script>alert(3)</script>\n`;
    const interval: [number, number] = [0.4, 0.6];
    const metrics = {
      params: 1,
      bytes: 1,
      top1: 0.5,
      top1_interval: interval,
      top5: 0.5,
      r1_image_to_text: 0.5,
      r1_text_to_image: 0.5,
    };
    await writeCard(
      folder,
      checkpoint,
      {
        name: `emoji-student ${evil}`,
        licence: 'mit\npipeline_tag: evil\n---\n# evil',
        data: { dataset: evil, split: '``' },
        recipe,
        metrics: { [evil]: { ...metrics, latency_ms: 1, images_seen: 1, train_seconds: 1 } },
      },
      { classes: { names: ['a'], templates: [`{} ${evil}`] }, folded: false, maxDifference: 0 },
    );
    const text = await readFile(join(folder, 'README.md'), 'utf8');
    await rm(folder, { recursive: true });
    const [, front] = /^---\n(.*?)\n---\n/s.exec(text)!;
    expect(parse(front!)).toEqual({
      license: 'mit\npipeline_tag: evil\n---\n# evil',
      library_name: 'transformers.js',
      pipeline_tag: 'zero-shot-image-classification',
      tags: ['clip', 'onnx', 'distillation', 'promptkd'],
    });
    // Without code, blocks first, nothing is left that Markdown or HTML acts upon.
    const blocks = text.replace(/^(`{3,})\w*\n.*?\n\1$/gms, '');
    const shown = blocks.replace(/(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)/g, '');
    expect(shown).not.toMatch(/<\w|\]\(|https?:\/\/|www\.|onerror(?!=alert)/);
    expect(shown.match(/^#+ .*$/gm)!.map((title) => title.slice(0, 15))).toEqual([
      '# emoji-student',
      ...['Use', 'Images', 'Classifier', 'Figures', 'Data', 'Recipe', 'Licence', 'Checked'].map(
        (title) => `## ${title}`,
      ),
    ]);
    expect(text).toContain(`\`\`\`\`yaml\n${recipe.trim()}\n\`\`\`\`\n`);
  });

  it('leaves usual texts as they are', () => {
    expect(plain('Drawings of cats, 64×64: 1,000 (half) of CC-BY-SA-4.0 art.')).toBe(
      'Drawings of cats, 64×64: 1,000 \\(half\\) of CC-BY-SA-4.0 art.',
    );
    expect([code('emoji'), code('a `b`'), code('``')]).toEqual(['`emoji`', '`` a `b` ``', '``` `` ```']);
    expect(codeBlock('a: 1\x1b', 'yaml')).toBe('```yaml\na: 1 \n```');
  });
});
