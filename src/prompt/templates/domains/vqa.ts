import type { DomainGrammar } from '../grammar.js';
import { colours } from './values.js';

/** Questions whose answer hangs on the class, and questions with the class as their answer. */
export const vqa: DomainGrammar = {
  domain: 'vqa',
  language: 'en',
  parts: {
    picture: ['the picture', 'the image', 'this photo', 'the scene', 'this drawing'],
    place: ['', 'on the left', 'on the right', 'in the middle', 'in the background', 'in [SCENE]'],
    ask: [
      '[Is|Are] there <thing>',
      'Can you see <thing>',
      'Does <picture> show <thing>',
      'Do you find <thing>',
      'Did the camera catch <thing>',
    ],
    thing: ['[OBJ]', '[ADJ OBJ]', '[COLOUR OBJ]', 'any [NAME]'],
    what: ['What colour', 'What size', 'What shape', 'How old', 'How far away', 'How big'],
    question: ['What is this?', 'What does <picture> show?', 'What is in <picture>?', 'What can you see in <picture>?'],
    answer: [
      '[Obj].',
      '[It is|These are] [OBJ].',
      'It shows [OBJ].',
      'I can see [OBJ].',
      'There [is|are] [OBJ].',
      'The answer is [NAME].',
    ],
    about: [
      'Where [is|are]',
      'What is beside',
      'What is behind',
      'Who is near',
      'What is in front of',
      'What is on top of',
    ],
  },
  rules: [
    { tags: ['question', 'presence'], pattern: '<ask> <place>?' },
    { tags: ['question', 'presence'], pattern: '[Is|Are] the [NAME] in <picture> [COLOUR]?' },
    { tags: ['question', 'attribute'], pattern: '<what> [is|are] the [NAME] <place>?' },
    { tags: ['question', 'relation'], pattern: '<about> the [NAME] in <picture>?' },
    { tags: ['question', 'count'], pattern: 'Are there many [OBJS] in <picture>?' },
    { tags: ['answer'], pattern: 'Question: <question> Answer: <answer>' },
  ],
  values: {
    ADJ: 'small,big,old,new,broken,open,closed'.split(','),
    COLOUR: colours,
    SCENE: 'the foreground,the distance,the room,the water,the corner'.split(','),
  },
};
