import type { Random } from '../../../math/index.js';
import type { Chest, PhantomFinding } from './chest.js';

/** Ways to say a thing; `{}` stands for what varies. */
type Ways = readonly string[];

const nodule: Ways = [
  'There is a nodule in the {} zone.',
  'A rounded nodule is seen in the {} lung zone.',
  'Solitary pulmonary nodule projecting over the {} zone.',
  'Well circumscribed nodular density in the {} zone.',
];

const present = {
  'pleural effusion': [
    'There is a {amount} {side} pleural effusion.',
    '{Amount} pleural effusion on the {side}.',
    'Blunting of the {side} costophrenic angle, compatible with a {amount} effusion.',
    '{Amount} {side} effusion is present.',
  ],
  cardiomegaly: [
    'The heart is enlarged.',
    'Cardiomegaly is present.',
    'The cardiac silhouette is enlarged.',
    'Enlarged heart size.',
  ],
  'lung opacity': [
    'There is an opacity in the {side} {zone} zone.',
    'Patchy airspace opacity in the {side} {zone} lung zone.',
    'Hazy opacity projects over the {side} {zone} zone.',
    'Ill defined {side} {zone} zone opacity.',
  ],
  'device line': [
    'A central venous line enters from the {side}, its tip projecting over the mediastinum.',
    '{Side} sided catheter in place.',
    'A {side} central line is noted.',
    'Support device: central line from the {side}.',
  ],
} as const satisfies Partial<Record<PhantomFinding, Ways>>;

const absent = {
  nodule: [
    'No pulmonary nodule.',
    'There is no nodule.',
    'No nodule or mass is identified.',
    'No suspicious nodules are seen.',
  ],
  'pleural effusion': [
    'No pleural effusion.',
    'There is no effusion.',
    'No evidence of pleural effusion.',
    'The costophrenic angles are sharp, without effusion.',
  ],
  cardiomegaly: [
    'The heart is normal in size.',
    'Heart size is normal.',
    'The cardiac silhouette is within normal limits.',
    'No cardiomegaly.',
  ],
  'lung opacity': [
    'No focal opacity.',
    'There is no airspace opacity.',
    'The lungs are free of focal opacities.',
    'No opacity is identified.',
  ],
  'device line': [
    'No central line is seen.',
    'No support devices.',
    'No catheter or line is present.',
    'There is no device line.',
  ],
} as const satisfies Record<string, Ways>;
type Absent = keyof typeof absent;

/** Two or three negations in one sentence. */
const combined: readonly (readonly [readonly Absent[], Ways])[] = [
  [
    ['lung opacity', 'pleural effusion'],
    ['No focal opacity or pleural effusion.', 'There is neither opacity nor effusion.'],
  ],
  [
    ['nodule', 'lung opacity'],
    ['The lungs are clear, without nodule or opacity.', 'No nodule or opacity in either lung.'],
  ],
  [
    ['lung opacity', 'nodule', 'pleural effusion'],
    ['No opacity, nodule, or effusion.', 'Both lungs are clear and there is no effusion.'],
  ],
];

/** What readers who had an earlier image write, and no draft may repeat. */
const priors: Ways = [
  'Unchanged from the prior study.',
  'Comparison is made with the previous examination.',
  'This is stable since the last radiograph.',
];

/** How often a report speaks of an earlier image. */
const priorShare = 0.12;
/** How often a report says that something is not there, a thing. */
const absentShare = {
  nodule: 0.75,
  'pleural effusion': 0.9,
  cardiomegaly: 0.9,
  'lung opacity': 0.8,
  'device line': 0.35,
};

/** The report of a phantom: what is there in any order, then what is not, in paraphrases by lot. */
export function phantomReport(chest: Chest, random: Random): string {
  const sentences = random.shuffle([...chest.findings]).map((finding) => affirmed(chest, finding, random));
  if (sentences.length > 0 && random.float() < priorShare) sentences.push(random.pick(priors));
  sentences.push(...denied(chest, random));
  return sentences.join(' ');
}

/** Short texts of the same image, for contrastive training: all that is there, and one thing that is not. */
export function phantomCaptions(chest: Chest, random: Random): string[] {
  return Array.from({ length: 4 }, () => {
    const said = random.shuffle([...chest.findings]).map((finding) => affirmed(chest, finding, random));
    const missing = absentOf(chest);
    const denials = random.shuffle(missing).slice(0, said.length === 0 ? 2 : said.length < 3 ? 1 : 0);
    return [...said, ...denials.map((thing) => random.pick(absent[thing]))].join(' ');
  });
}

/** One finding in words. */
function affirmed(chest: Chest, finding: PhantomFinding, random: Random): string {
  const place = /^nodule in the (.*) zone$/.exec(finding)?.[1];
  if (place) return random.pick(nodule).replace('{}', place);
  const { effusion, opacity, line } = chest;
  const words: Readonly<Record<string, string>> = {
    side: finding === 'pleural effusion' ? effusion.side : finding === 'lung opacity' ? opacity.side : line,
    amount: effusion.amount,
    zone: opacity.zone,
  };
  const way = random.pick(present[finding as keyof typeof present]);
  return way.replace(/\{(\w+)\}/g, (_, name: string) => {
    const word = words[name.toLowerCase()]!;
    return name === name.toLowerCase() ? word : `${word[0]!.toUpperCase()}${word.slice(1)}`;
  });
}

function absentOf({ findings }: Chest): Absent[] {
  const shown = new Set([...findings].map((finding) => (finding.startsWith('nodule') ? 'nodule' : finding)));
  return (Object.keys(absent) as Absent[]).filter((thing) => !shown.has(thing));
}

function denied(chest: Chest, random: Random): string[] {
  const absences = absentOf(chest);
  const missing = absences.filter((thing) => random.float() < absentShare[thing]);
  // No report is empty.
  if (missing.length === 0 && chest.findings.size === 0) missing.push(random.pick(absences));
  const left = new Set(missing);
  const sentences: string[] = [];
  for (const [things, ways] of random.shuffle(combined)) {
    if (random.float() < 0.5 || !things.every((thing) => left.has(thing))) continue;
    sentences.push(random.pick(ways));
    for (const thing of things) left.delete(thing);
  }
  for (const thing of left) sentences.push(random.pick(absent[thing]));
  return random.shuffle(sentences);
}
