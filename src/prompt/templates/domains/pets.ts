import type { DomainGrammar } from '../grammar.js';
import { colours, lights } from './values.js';

export const pets: DomainGrammar = {
  domain: 'pets',
  language: 'en',
  parts: {
    photo: ['a photo', 'a picture', 'a portrait', 'a snapshot', 'a close-up', 'a phone photo'],
    pet: ['[OBJ]', 'the [NAME]', 'my [NAME]', '[ADJ OBJ]', '[COLOUR OBJ]'],
    doing: [
      'asleep',
      'at play',
      'lying on a sofa',
      'sitting on the floor',
      'looking at the camera',
      'running in the grass',
      'at the vet',
      'with [its|their] owner',
      'in [SCENE]',
      'in [LIGHT]',
      'eating from a bowl',
      'behind a fence',
    ],
    kind: ['a type of pet', 'a breed of animal', 'a domestic animal', 'an animal to love'],
    sentence: [
      'Everybody loves',
      'The shelter has',
      'The neighbours keep',
      'In the basket [sleeps|sleep]',
      'The child strokes',
    ],
  },
  rules: [
    { tags: ['photo', 'plain'], pattern: '<photo> of <pet>.' },
    { tags: ['photo', 'kind'], pattern: '<photo> of <pet>, <kind>.' },
    { tags: ['photo', 'scene'], pattern: '<photo> of <pet> <doing>.' },
    { tags: ['photo', 'part'], pattern: '<photo> of the [PART] of <pet>.' },
    { tags: ['view'], pattern: 'a [VIEW] of <pet> <doing>.' },
    { tags: ['sentence'], pattern: '<sentence> <pet>.' },
  ],
  values: {
    ADJ: 'young,old,small,fluffy,playful,sleepy,wet,curious,shy'.split(','),
    COLOUR: colours,
    LIGHT: lights,
    PART: 'face,nose,head,paws,ears,tail,fur,eyes'.split(','),
    SCENE: 'a garden,a house,a park,a basket,the snow,a car'.split(','),
    VIEW: 'close-up view,side view,front view,view from above'.split(','),
  },
};
