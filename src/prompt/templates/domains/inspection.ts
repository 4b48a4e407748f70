import type { DomainGrammar } from '../grammar.js';
import { lights } from './values.js';

export const inspection: DomainGrammar = {
  domain: 'inspection',
  language: 'en',
  parts: {
    photo: [
      'a photo',
      'a close-up',
      'an inspection photo',
      'a machine vision image',
      'a cropped photo',
      'a grey-scale image',
    ],
    fault: [
      'with [DEFECT]',
      'with [DEFECT] on the [PART]',
      'that [has|have] [DEFECT]',
      'damaged by [DEFECT]',
      'without any defect',
      'without [DEFECT]',
    ],
    one: ['[OBJ]', 'the [NAME]', '[ADJ OBJ]'],
    state:
      `flawless,perfect,unblemished,intact,damaged,defective,broken,contaminated,faulty,acceptable,rejected,scratched`.split(
        ',',
      ),
    place: [
      'on a conveyor belt',
      'on a test bench',
      'in [LIGHT]',
      'in [SCENE]',
      'under a microscope',
      'on a dark background',
    ],
    verdict: [
      'The [NAME] [is|are] <state>.',
      'The [NAME] [has|have] [DEFECT].',
      'The [PART] of the [NAME] shows [DEFECT].',
      'Quality control finds [DEFECT] on the [NAME].',
      'Quality control passes the [NAME].',
      'The [NAME] [is|are] ready to ship.',
      'The [NAME] must be scrapped because of [DEFECT].',
    ],
  },
  rules: [
    { tags: ['photo', 'state'], pattern: '<photo> of [<state> OBJ].' },
    { tags: ['photo', 'state', 'scene'], pattern: 'a photo of [<state> OBJ] <place>.' },
    { tags: ['photo', 'defect'], pattern: '<photo> of <one> <fault>.' },
    { tags: ['photo', 'defect', 'scene'], pattern: '<photo> of [OBJ] with [DEFECT] <place>.' },
    { tags: ['photo', 'defect', 'part'], pattern: '<photo> of [DEFECT] on the [PART] of the [NAME].' },
    { tags: ['view', 'defect'], pattern: 'a [VIEW] of <one> <fault>.' },
    { tags: ['photo', 'scene'], pattern: '<photo> of <one> <place>.' },
    { tags: ['sentence'], pattern: '<verdict>' },
  ],
  values: {
    ADJ: 'new,polished,painted,machined,welded,moulded,coated,assembled'.split(','),
    DEFECT:
      `a scratch,a dent,a crack,a stain,a hole,a burr,rust,a missing part,a bent pin,discolouration,a colour defect,
      glue residue,a poor weld`.split(/,\s*/),
    LIGHT: lights,
    PART: 'surface,edge,corner,thread,seam,front,back,housing,joint'.split(','),
    SCENE: 'a factory,a laboratory,a workshop,an assembly line,a test chamber'.split(','),
    VIEW: 'close-up view,top view,side view,microscope view,thermal view'.split(','),
  },
};
