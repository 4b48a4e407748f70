import type { DomainGrammar } from '../grammar.js';

/** Sentences as they stand in written findings, captions and logs. */
export const report: DomainGrammar = {
  domain: 'report',
  language: 'en',
  parts: {
    source: [
      'The image',
      'The picture',
      'The recording',
      'The camera',
      'Figure 1',
      'The attached photo',
      'The [MODALITY]',
    ],
    verb: ['shows', 'depicts', 'documents', 'contains'],
    thing: ['[OBJ]', '[ADJ OBJ]', '[OBJS]'],
    detail: [
      '',
      'in the [PART] of the frame',
      'in [SCENE]',
      'with high confidence',
      'without any doubt',
      'with [DEFECT]',
      'in good condition',
    ],
    finding: [
      'The [NAME] [is|are] clearly visible <detail>.',
      'The [NAME] [is|are] partly hidden <detail>.',
      'Besides the [NAME], no other object was found <detail>.',
      'The inspector noted <thing> <detail>.',
      'Finding: <thing> <detail>.',
      'Main object: <thing> <detail>.',
      'At the time of recording there [was|were] <thing> <detail>.',
    ],
  },
  rules: [
    { tags: ['sentence', 'source'], pattern: '<source> <verb> <thing> <detail>.' },
    { tags: ['sentence', 'finding'], pattern: '<finding>' },
  ],
  values: {
    ADJ: 'single,small,large,damaged,new,unattended,unusual'.split(','),
    DEFECT: 'visible damage,a crack,rust,a missing part,a stain'.split(','),
    MODALITY: 'inspection image,video frame,thermal image,X-ray image,aerial image'.split(','),
    PART: 'centre,left half,right half,upper part,lower part,corner'.split(','),
    SCENE: 'the yard,the corridor,the laboratory,the storage area,the open'.split(','),
  },
};
