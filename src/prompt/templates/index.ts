export { type Noun, nounOf } from '../../english/index.js';
export { checkTemplates, classTemplate, classTemplates } from './class-template.js';
export { classText } from './class-text.js';
export { areFar, dataTemplates, trainingTemplates, withClassCaptions } from './data-templates.js';
export type { Language } from './grammar.js';
export {
  drawSlots,
  drawTemplate,
  findTemplates,
  type PromptTemplate,
  promptDomains,
  slotChoices,
  type TemplateFilter,
  templateLibrary,
} from './library.js';
export { type PromptSet, readPromptSet, writePromptSet } from './prompt-set.js';
export { type PublishedEnsemble, publishedEnsembles } from './published.js';
export { fillSlots, render, type Slots, type SlotValues, type ValueSlot, valueSlotsOf } from './syntax.js';
