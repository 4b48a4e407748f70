import { installed } from './editions.js';

/** Something that is drawn, from Unicode's CLDR by way of emojibase. */
export interface Concept {
  /** Code points, e.g. `1F436`. */
  readonly hexcode: string;
  /** CLDR short name, e.g. `dog face`. */
  readonly name: string;
  /** The name as icon sets spell it: `dog-face`. */
  readonly slug: string;
  /** CLDR keywords that are not part of the name. */
  readonly keywords: readonly string[];
}

interface EmojibaseEntry {
  readonly hexcode: string;
  readonly label: string;
  readonly tags?: readonly string[];
  readonly group?: number;
}

/** Emojibase's groups: animals-nature, food-drink, travel-places, activities, objects. */
const groups = [3, 4, 5, 6, 7];

/** Concepts that differ from another one by a detail that 48 pixels do not show, or by a word on them. */
const nearTwins = new Set(
  `dog, cat, tiger, horse, cow, pig, mouse, rat, rabbit, monkey, dragon, whale, water buffalo, two-hump camel, baby chick,
  front-facing baby chick, mountain, mount fuji, globe showing Americas, globe showing Asia-Australia, houses, house,
  derelict house, office building, Japanese post office, post office, love hotel, hotel, department store, bank, hospital,
  oncoming bus, oncoming police car, oncoming taxi, oncoming automobile, sport utility vehicle, train, metro, light rail,
  tram car, station, high-speed train, mountain railway, minibus, delivery truck, mountain cableway, suspension railway,
  small airplane, airplane departure, airplane arrival, motor boat, ferry, hourglass not done, timer clock,
  cityscape at dusk, sunrise over mountains, sun behind small cloud, sun behind large cloud, sun behind rain cloud,
  cloud with lightning and rain, umbrella, umbrella on ground, sun with face, fog, snowman without snow, glowing star,
  2nd place medal, 3rd place medal, ticket, musical note, heart suit, speaker low volume, speaker medium volume,
  muted speaker, telephone receiver, dvd, videocassette, film projector, video camera, camera with flash,
  magnifying glass tilted right, green book, blue book, orange book, notebook, notebook with decorative cover,
  page with curl, page facing up, rolled-up newspaper, bookmark tabs, yen banknote, euro banknote, pound banknote,
  chart increasing with yen, incoming envelope, envelope with arrow, e-mail, outbox tray, inbox tray,
  closed mailbox with lowered flag, open mailbox with raised flag, open mailbox with lowered flag, pen, black nib, memo,
  open file folder, tear-off calendar, calendar, spiral notepad, card index, chart decreasing, round pushpin,
  linked paperclips, unlocked, locked with pen, locked with key, old key, bell with slash, mobile phone with arrow,
  woman’s clothes, clutch bag, purse, woman’s sandal, clinking beer mugs, soft ice cream, pot of food, steaming bowl`
    .split(',')
    .map((label) => label.trim().replace(/\s+/g, ' ')),
);

/** Clock faces and phases of the moon: drawn alike by everyone. */
const series = /o’clock|-thirty|quarter moon|crescent moon|gibbous|new moon|full moon/;

/** Faces and emotions, and symbols: drawn alike too often to be classes, but drawings with names all the same. */
const moreGroups = [0, 8];

/** Concepts of things, distinct enough to be told apart when they are small. */
export function concepts(): Concept[] {
  return entries()
    .filter(({ group, label }) => groups.includes(group ?? -1) && !nearTwins.has(label) && !series.test(label))
    .map(conceptOf);
}

/** All concepts but people and flags, near twins and series among them. */
export function wideConcepts(): Concept[] {
  return entries()
    .filter(({ group }) => [...groups, ...moreGroups].includes(group ?? -1))
    .map(conceptOf);
}

function entries(): EmojibaseEntry[] {
  return installed('emojibase-data/en/data.json') as EmojibaseEntry[];
}

function conceptOf({ hexcode, label, tags }: EmojibaseEntry): Concept {
  return {
    hexcode,
    name: label,
    slug: slugOf(label),
    keywords: (tags ?? []).filter((tag) => !label.toLowerCase().includes(tag.toLowerCase())),
  };
}

function slugOf(label: string): string {
  const plain = label.toLowerCase().normalize('NFD').replace(/\p{M}/gu, '');
  return plain
    .replace(/[’'!“”.,:()]/g, '')
    .replaceAll('&', 'and')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}

/** Five captions of every drawing of a concept: its CLDR name, once with a keyword where it has a plain one. */
export function captionsOf({ name, keywords }: Concept): string[] {
  const keyword = keywords.find((word) => /^[a-z]{3,10}$/.test(word)) ?? 'emoji';
  return [`a drawing of ${name}`, name, `a small picture of ${name}`, `an icon of ${name}`, `${name}, ${keyword}`];
}
