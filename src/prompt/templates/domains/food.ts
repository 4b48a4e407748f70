import type { DomainGrammar } from '../grammar.js';
import { lights } from './values.js';

export const food: DomainGrammar = {
  domain: 'food',
  language: 'en',
  parts: {
    photo: ['a photo', 'a close-up', 'a food photo', 'a picture', 'a menu photo', 'a snapshot'],
    dish: ['[OBJ]', '[ADJ OBJ]', 'some [NAME]', 'the [NAME]', '[OBJS]'],
    serving: [
      'a plate of',
      'a bowl of',
      'a serving of',
      'a portion of',
      'a tray of',
      'a basket of',
      'a slice of',
      'a bite of',
    ],
    where: [
      'on a plate',
      'in a bowl',
      'on a wooden board',
      'in [SCENE]',
      'in [LIGHT]',
      'on a restaurant table',
      'with a garnish',
      'with a drink beside it',
      'ready to eat',
      'half eaten',
    ],
    kind: ['a type of food', 'a kind of dish', 'something to eat'],
    sentence: [
      'Today we cook',
      'On the plate [is|are]',
      'The waiter brings',
      'For lunch there [is|are]',
      'The recipe is for',
    ],
  },
  rules: [
    { tags: ['photo', 'plain'], pattern: '<photo> of <dish>.' },
    { tags: ['photo', 'kind'], pattern: '<photo> of <dish>, <kind>.' },
    { tags: ['photo', 'scene'], pattern: '<photo> of <dish> <where>.' },
    { tags: ['photo', 'serving'], pattern: '<photo> of <serving> [NAME].' },
    { tags: ['view'], pattern: 'a [VIEW] of <dish> <where>.' },
    { tags: ['sentence'], pattern: '<sentence> <dish>.' },
  ],
  values: {
    ADJ: 'fresh,homemade,delicious,burnt,cold,hot,spicy,sweet,frozen,organic'.split(','),
    LIGHT: lights,
    SCENE: 'a kitchen,a restaurant,a market,a street stall,a lunch box,a bakery'.split(','),
    VIEW: 'top-down view,close-up view,side view,macro view'.split(','),
  },
};
