import type { DomainGrammar } from '../grammar.js';
import { lights } from './values.js';

export const action: DomainGrammar = {
  domain: 'action',
  language: 'en',
  parts: {
    photo: ['a photo', 'a picture', 'a video', 'a video frame', 'an example', 'a demonstration', 'an action shot'],
    who: [
      'a person',
      'someone',
      'a man',
      'a woman',
      'a child',
      'two people',
      'a group of people',
      '[ADJ] people',
      'an athlete',
    ],
    where: ['', 'in [SCENE]', 'outdoors', 'indoors', 'in [LIGHT]', 'in slow motion', 'in front of a crowd'],
    quality: ['blurry', 'sharp', 'low resolution', 'high resolution', 'shaky', 'candid', 'professional'],
    sentence: [
      'The person in the video is [ACTION] <where>.',
      'Somebody is [ACTION] <where>.',
      'People are [ACTION] <where>.',
      'A child practises [NAME] <where>.',
      'The crowd watches somebody [ACTION] <where>.',
    ],
  },
  rules: [
    { tags: ['photo', 'plain'], pattern: '<photo> of <who> [ACTION] <where>.' },
    { tags: ['quality'], pattern: 'a <quality> video of <who> [ACTION].' },
    { tags: ['view'], pattern: 'a [VIEW] of <who> [ACTION].' },
    { tags: ['sentence'], pattern: '<sentence>' },
  ],
  values: {
    ADJ: 'young,old,happy,tired,skilled,masked'.split(','),
    LIGHT: lights,
    SCENE: 'a gym,a park,a stadium,a kitchen,a street,a swimming pool,a living room,an office'.split(','),
    VIEW: 'close-up view,wide view,first-person view,view from above,side view'.split(','),
  },
};
