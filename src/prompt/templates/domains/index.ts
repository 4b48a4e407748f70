import type { DomainGrammar } from '../grammar.js';
import { action } from './action.js';
import { drawings } from './drawings.js';
import { food } from './food.js';
import { general } from './general.js';
import { generalChinese } from './general-zh.js';
import { inspection } from './inspection.js';
import { medical } from './medical.js';
import { pets } from './pets.js';
import { product } from './product.js';
import { report } from './report.js';
import { satellite } from './satellite.js';
import { scenes } from './scenes.js';
import { texture } from './texture.js';
import { vehicles } from './vehicles.js';
import { vqa } from './vqa.js';

export const grammars: readonly DomainGrammar[] = [
  ...[general, generalChinese, product, satellite, texture, medical, inspection, action],
  ...[food, pets, vehicles, drawings, scenes, vqa, report],
];
