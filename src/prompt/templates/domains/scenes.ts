import type { DomainGrammar } from '../grammar.js';
import { lights } from './values.js';

export const scenes: DomainGrammar = {
  domain: 'scenes',
  language: 'en',
  parts: {
    photo: ['a photo', 'a picture', 'a wide photo', 'a postcard', 'a panorama', 'a landscape photo', 'a webcam image'],
    place: ['[OBJ]', 'the [NAME]', '[ADJ OBJ]', 'the inside of the [NAME]', 'the surroundings of the [NAME]'],
    when: [
      'at dawn',
      'at dusk',
      'at night',
      'at noon',
      'in winter',
      'in summer',
      'in autumn',
      'in the rain',
      'in fog',
      'in [LIGHT]',
      'full of people',
      'without people',
    ],
    sentence: [
      'The picture was taken in front of',
      'The visitors see',
      'The postcard shows',
      'In the background [is|are]',
    ],
  },
  rules: [
    { tags: ['photo', 'plain'], pattern: '<photo> of <place>.' },
    { tags: ['photo', 'time'], pattern: '<photo> of <place> <when>.' },
    { tags: ['view'], pattern: 'a [VIEW] of <place> <when>.' },
    { tags: ['sentence'], pattern: '<sentence> <place>.' },
  ],
  values: {
    ADJ: 'quiet,crowded,empty,old,modern,famous,deserted,cosy'.split(','),
    LIGHT: lights,
    VIEW: 'wide-angle view,panoramic view,aerial view,street-level view,view from a window'.split(','),
  },
};
