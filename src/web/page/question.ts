import { rankAnswers } from '../../tasks/vqa/browser.js';
import { element } from './dom.js';
import type { Engine } from './engine.js';

/** Answers shown beside the likeliest. */
const others = 3;

/**
 * The box for questions about the image, where the page has a head that answers them.
 *
 * @returns to be called when there is another image: a question that stands there is answered anew
 */
export function answerQuestions(engine: Engine): () => void {
  const { vqa } = engine.model;
  if (!vqa) return () => {};
  element('question-card').hidden = false;
  const input = element<HTMLInputElement>('question');
  const [said, more, fault] = [element('question-answer'), element('question-more'), element('question-fault')];
  let newest = 0;
  const ask = async () => {
    const mine = ++newest;
    try {
      const { logits, ms } = await engine.ask(input.value);
      if (mine !== newest) return;
      const [best, ...rest] = rankAnswers(logits, vqa.answers);
      const share = (confidence: number) => `${(100 * confidence).toFixed(0)} %`;
      said.textContent = `${best!.answer}, ${share(best!.confidence)}`;
      const also = rest.slice(0, others).map(({ answer, confidence }) => `${answer} ${share(confidence)}`);
      more.textContent = `${also.join(', ')}; ${ms.head.toFixed(1)} ms`;
      fault.textContent = '';
    } catch (error) {
      if (mine !== newest) return;
      [said.textContent, more.textContent] = ['', ''];
      fault.textContent = (error as Error).message;
    }
  };
  element('question-form').addEventListener('submit', (event) => {
    event.preventDefault();
    void ask();
  });
  return () => {
    if (input.value.trim() !== '') void ask();
  };
}
