import type { DomainGrammar } from '../grammar.js';
import { colours, materials } from './values.js';

export const product: DomainGrammar = {
  domain: 'product',
  language: 'en',
  parts: {
    photo: [
      'a product photo',
      'a studio photo',
      'a catalogue photo',
      'an advertising photo',
      'an online shop photo',
      'a packshot',
    ],
    thing: ['[OBJ]', 'the [NAME]', '[ADJ OBJ]', '[COLOUR OBJ]', '[OBJ] made of [MATERIAL]', '[OBJS]'],
    setting: [
      'on a white background',
      'on a grey background',
      'on a transparent background',
      'on a wooden table',
      'on a shop shelf',
      'in [its|their] packaging',
      'in [SCENE]',
      'beside [its|their] box',
      'lying flat',
      'with a soft shadow',
    ],
    state: ['on sale', 'for sale', 'in a shop window', 'at a trade fair', 'in a mail-order catalogue'],
    detail: ['the [PART]', 'the label', 'the packaging', 'the material', 'the price tag', 'the seam'],
    shot: ['a photo', 'a close-up', 'a macro photo', 'a detailed picture'],
  },
  rules: [
    { tags: ['photo', 'plain'], pattern: '<photo> of <thing>.' },
    { tags: ['photo', 'background'], pattern: '<photo> of <thing> <setting>.' },
    { tags: ['photo', 'shop'], pattern: 'a photo of <thing> <state>.' },
    { tags: ['photo', 'part'], pattern: '<shot> of <detail> of the [NAME].' },
    { tags: ['view'], pattern: 'a [VIEW] of <thing> <setting>.' },
  ],
  values: {
    ADJ: 'new,used,modern,classic,handmade,luxury,cheap,folding,portable,wireless'.split(','),
    COLOUR: colours,
    MATERIAL: materials,
    PART: 'handle,front,back,lid,base,surface,logo,button'.split(','),
    SCENE: 'a shop,a warehouse,a studio,a living room,an office,a showroom'.split(','),
    VIEW: 'front view,side view,three-quarter view,top view,exploded view,detail view'.split(','),
  },
};
