import type { DomainGrammar } from '../grammar.js';
import { colours } from './values.js';

export const drawings: DomainGrammar = {
  domain: 'drawings',
  language: 'en',
  parts: {
    medium: [
      ...['a drawing', 'a sketch', 'a doodle', 'a painting', 'a cartoon', 'an illustration', 'an icon', 'an emoji'],
      ...['a pictogram', 'a clip-art picture', 'a woodcut', 'a [STYLE]'],
    ],
    line: [
      'simple',
      'detailed',
      'colourful',
      'flat',
      'hand-drawn',
      'pixelated',
      'childish',
      'minimalist',
      'outlined',
      'shaded',
    ],
    plain: ['drawing', 'icon', 'emoji', 'illustration', 'sketch'],
    thing: ['[OBJ]', 'the [NAME]', '[ADJ OBJ]', '[OBJS]'],
    where: [
      'on a white background',
      'on paper',
      'in a circle',
      'in [COLOUR] ink',
      'without colours',
      'with bold outlines',
      'on a sticker',
      'in a children’s book',
      'on a mobile phone',
      'in [SCENE]',
    ],
    object: ['an origami', 'a toy', 'a plush', 'a paper', 'a knitted', 'a carved', 'an embroidered', 'a plastic'],
    sentence: ['The artist drew', 'The symbol stands for', 'The sticker shows', 'The child painted'],
  },
  rules: [
    { tags: ['drawing', 'plain'], pattern: '<medium> of <thing>.' },
    { tags: ['drawing', 'quality'], pattern: 'a <line> <plain> of <thing>.' },
    { tags: ['drawing', 'scene'], pattern: '<medium> of <thing> <where>.' },
    { tags: ['model'], pattern: '<object> model of <thing>.' },
    { tags: ['sentence'], pattern: '<sentence> <thing>.' },
  ],
  values: {
    ADJ: 'small,big,happy,funny,cute,stylised,abstract'.split(','),
    COLOUR: colours,
    SCENE: 'a comic,a museum,a sketchbook,a video game,a message,an old manuscript'.split(','),
    STYLE: `watercolour painting,oil painting,pencil drawing,charcoal sketch,ink drawing,line drawing,vector graphic,
      pixel art picture,crayon drawing,chalk drawing`.split(/,\s*/),
  },
};
