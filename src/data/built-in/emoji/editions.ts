import { optionalPackage } from '../../../files/index.js';

/** One set of drawings from one package. An artist may have several: they share a hand. */
export interface Edition {
  /** Iconify's name; the package is `@iconify-json/<name>`. */
  readonly name: string;
  readonly artist: string;
  readonly licence: string;
  /** Kept out of all training, for style shift. */
  readonly unseen?: boolean;
}

/** Who drew the built-in set. All licences allow use and change with credit; README.md credits them. */
export const editions: readonly Edition[] = [
  { name: 'noto', artist: 'Google Noto', licence: 'Apache 2.0' },
  { name: 'noto-v1', artist: 'Google Noto', licence: 'Apache 2.0' },
  { name: 'twemoji', artist: 'Twitter', licence: 'CC BY 4.0' },
  { name: 'openmoji', artist: 'OpenMoji', licence: 'CC BY-SA 4.0' },
  { name: 'fluent-emoji', artist: 'Microsoft Fluent', licence: 'MIT' },
  { name: 'fluent-emoji-flat', artist: 'Microsoft Fluent', licence: 'MIT' },
  { name: 'fluent-emoji-high-contrast', artist: 'Microsoft Fluent', licence: 'MIT' },
  { name: 'fxemoji', artist: 'Mozilla', licence: 'Apache 2.0' },
  { name: 'streamline-emojis', artist: 'Streamline', licence: 'CC BY 4.0' },
  { name: 'emojione', artist: 'EmojiOne', licence: 'CC BY 4.0', unseen: true },
  { name: 'emojione-v1', artist: 'EmojiOne', licence: 'CC BY-SA 4.0', unseen: true },
  { name: 'emojione-monotone', artist: 'EmojiOne', licence: 'CC BY 4.0', unseen: true },
];

/** Where drawings and their names come from; promptkd brings them in a clone alone. */
export const drawingPackages: readonly string[] = [
  'emojibase-data',
  ...editions.map(({ name }) => `@iconify-json/${name}`),
];

/** A file of one of {@link drawingPackages}. @throws UserError with what to install where it is missing */
export const installed = (path: string): unknown => optionalPackage(path, 'The built-in drawings', drawingPackages);

/** Version of one of {@link drawingPackages}. @throws UserError with what to install where it is missing */
export const versionOf = (name: string): string => (installed(`${name}/package.json`) as { version: string }).version;

interface IconifyJson {
  readonly width?: number;
  readonly height?: number;
  readonly icons: Readonly<Record<string, Icon>>;
  readonly aliases?: Readonly<Record<string, { readonly parent: string }>>;
}

interface Icon {
  readonly body: string;
  readonly width?: number;
  readonly height?: number;
}

/** Side of a drawing's SVG, whatever its edition's own grid. */
export const svgSide = 64;

/** The drawings of an edition, by concept name. */
export class Drawings {
  private readonly set: IconifyJson;
  /** Names without hyphens and numbers at their end, to the icons' names: editions spell and number differently. */
  private readonly byKey = new Map<string, string[]>();

  constructor(readonly edition: Edition) {
    this.set = installed(`@iconify-json/${edition.name}/icons.json`) as IconifyJson;
    for (const name of [...Object.keys(this.set.icons), ...Object.keys(this.set.aliases ?? {})]) {
      const known = this.byKey.get(key(name));
      if (known) known.push(name);
      else this.byKey.set(key(name), [name]);
    }
  }

  /** Icon names of a concept's drawings: several where the edition numbers them (`clinking-glasses-2`). */
  find(slug: string): string[] {
    const names = this.byKey.get(key(slug)) ?? [];
    // An edition without numbers has at most one; a number is part of a name like `pool-8-ball` only in the middle.
    return names
      .filter((name) => this.edition.name === 'streamline-emojis' || name === slug || !/-\d+$/.test(name))
      .sort();
  }

  /** A drawing as SVG text, fitted into a square of {@link svgSide} pixels. */
  svg(name: string): string {
    const icon = this.set.icons[this.set.aliases?.[name]?.parent ?? name]!;
    const width = icon.width ?? this.set.width ?? 16;
    const height = icon.height ?? this.set.height ?? 16;
    const body = icon.body.replaceAll('currentColor', '#000');
    return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${svgSide}" height="${svgSide}" viewBox="0 0 ${width} ${height}">${body}</svg>`;
  }
}

const key = (name: string) => name.replace(/-\d+$/, '').replaceAll('-', '');
