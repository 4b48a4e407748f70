import type { DomainGrammar } from '../grammar.js';
import { colours, lights } from './values.js';

export const vehicles: DomainGrammar = {
  domain: 'vehicles',
  language: 'en',
  parts: {
    photo: [
      'a photo',
      'a picture',
      'a press photo',
      'a snapshot',
      'a dashboard camera image',
      'a traffic camera image',
    ],
    vehicle: ['[OBJ]', 'the [NAME]', '[ADJ OBJ]', '[COLOUR OBJ]', 'my [NAME]'],
    doing: [
      'at high speed',
      'standing still',
      'parked outside',
      'on the move',
      'in [SCENE]',
      'in [LIGHT]',
      'in the rain',
      'at night',
      'at an exhibition',
      'waiting for passengers',
      'under repair',
      'seen from behind',
    ],
    kind: ['a type of vehicle', 'a means of transport', 'something that moves people'],
    sentence: [
      'We travelled with',
      'Outside the house [stands|stand]',
      'The museum shows',
      'Past us went',
      'The dealer sells',
    ],
  },
  rules: [
    { tags: ['photo', 'plain'], pattern: '<photo> of <vehicle>.' },
    { tags: ['photo', 'kind'], pattern: '<photo> of <vehicle>, <kind>.' },
    { tags: ['photo', 'scene'], pattern: '<photo> of <vehicle> <doing>.' },
    { tags: ['photo', 'part'], pattern: '<photo> of the [PART] of <vehicle>.' },
    { tags: ['view'], pattern: 'a [VIEW] of <vehicle> <doing>.' },
    { tags: ['sentence'], pattern: '<sentence> <vehicle>.' },
  ],
  values: {
    ADJ: 'new,old,dirty,clean,fast,vintage,damaged,electric,loaded'.split(','),
    COLOUR: colours,
    LIGHT: lights,
    PART: 'front,rear,side,cockpit,interior,engine,underside'.split(','),
    SCENE: 'a city,a car park,a harbour,a garage,the desert,an open landscape'.split(','),
    VIEW: 'front view,rear view,side view,three-quarter view,aerial view'.split(','),
  },
};
