import type { FindingSet } from './finding-set.js';

const clear = ['lungs are clear', 'lungs clear', 'clear lungs'];

const nodule = (side: string, zone: string) => ({
  name: `nodule in the ${side} ${zone} zone`,
  prompt: `nodule in the ${side} ${zone} zone`,
  mentions: ['nodul', 'mass_'],
  denials: clear,
  place: [side, zone],
});

/** What the built-in phantoms show. */
export const phantoms: FindingSet = {
  name: 'phantoms',
  findings: [
    ...['right', 'left'].flatMap((side) => ['upper', 'lower'].map((zone) => nodule(side, zone))),
    { name: 'pleural effusion', prompt: 'pleural effusion', mentions: ['effusion', 'pleural fluid'] },
    {
      name: 'cardiomegaly',
      prompt: 'cardiomegaly',
      mentions: ['cardiomegaly', 'heart', 'cardiac silhouette', 'cardiac size'],
    },
    { name: 'lung opacity', prompt: 'opacity', mentions: ['opaci', 'consolidat', 'infiltrat'], denials: clear },
    {
      name: 'device line',
      prompt: 'central line',
      mentions: ['line_', 'lines_', 'catheter', 'device', 'tube_'],
      unlike: ['midline'],
    },
  ],
};
