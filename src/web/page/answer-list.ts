import type { Scoring } from '../../math/class-probabilities.js';
import type { Answer } from './classifier.js';
import { element } from './dom.js';

/** Answers shown at most. */
const SHOWN = 6;

/** Shows the likeliest answers as bars; rows are kept from image to image, so that bars move instead of jumping. */
export function showAnswers(answers: readonly Answer[], scoring: Scoring): void {
  const list = element('answers');
  const shown = answers.slice(0, SHOWN);
  while (list.children.length > shown.length) list.lastElementChild!.remove();
  for (const [n, { name, probability }] of shown.entries()) {
    const row = (list.children[n] ?? list.appendChild(newRow())) as HTMLElement;
    const [label, share, bar] = [...row.children] as HTMLElement[];
    label!.textContent = name;
    share!.textContent = percent(probability);
    (bar!.firstElementChild as HTMLElement).style.transform = `scaleX(${probability.toFixed(4)})`;
  }
  const [best] = shown;
  const of = scoring === 'sigmoid' ? ', each class by itself' : ` of ${answers.length} classes`;
  element('verdict').textContent = best ? best.name : '';
  element('confidence').textContent = best ? `${percent(best.probability)}${of}` : '';
}

function newRow(): HTMLElement {
  const row = document.createElement('li');
  const [label, share, bar] = [
    document.createElement('span'),
    document.createElement('b'),
    document.createElement('div'),
  ];
  bar.className = 'bar';
  bar.append(document.createElement('div'));
  row.append(label, share, bar);
  return row;
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
