import type { DomainGrammar } from '../grammar.js';
import { colours, lights, materials } from './values.js';

/** Class names here are often adjectives (braided, dotted), so they stand before a noun and never alone. */
export const texture: DomainGrammar = {
  domain: 'texture',
  language: 'en',
  parts: {
    photo: ['a photo', 'a close-up', 'a macro photo', 'an image', 'a scan', 'a cropped photo'],
    kind: ['texture', 'pattern', 'surface', 'structure'],
    look: ['', 'rough', 'smooth', 'regular', 'irregular', 'fine', 'coarse', 'shiny', 'matt', 'worn', 'repeating'],
    where: [
      'on [MATERIAL]',
      'in [LIGHT]',
      'on a wall',
      'on a floor',
      'seen from very near',
      'filling the whole picture',
      'under a microscope',
      'in [COLOUR]',
    ],
    caption: ['The surface has', 'The material shows', 'This is', 'The picture is filled by'],
  },
  rules: [
    { tags: ['photo', 'plain'], pattern: '<photo> of a <look> [NAME] <kind>.' },
    { tags: ['photo', 'scene'], pattern: '<photo> of a [NAME] <kind> <where>.' },
    { tags: ['photo', 'material'], pattern: '<photo> of [MATERIAL] with a [NAME] <kind>.' },
    { tags: ['plain'], pattern: 'a <look> [NAME] <kind>.' },
    { tags: ['colour'], pattern: '<photo> of a [COLOUR] [NAME] <kind>.' },
    { tags: ['sentence'], pattern: '<caption> a <look> [NAME] <kind>.' },
  ],
  values: { COLOUR: colours, LIGHT: lights, MATERIAL: materials },
};
