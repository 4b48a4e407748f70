import { percent } from '../../report/index.js';
import { type RunEvaluation, shareOfTeacher } from '../../train/index.js';

/** An evaluation of a run in words: its figures, the share of the teacher's, and on what. */
export function evaluationText(evaluation: RunEvaluation): string {
  const { top1, top5, r1_image_to_text: image, r1_text_to_image: text, images, split } = evaluation;
  const figure = (name: string, share: number | undefined) =>
    share === undefined ? [] : [`${name} ${percent(share)} %`];
  const figures = [
    ...figure('top-1', top1),
    ...figure('top-5', top5),
    ...figure('R@1 image to text', image),
    ...figure('R@1 text to image', text),
  ];
  const share = shareOfTeacher(evaluation);
  const ofTeacher = share === undefined ? '' : `, ${percent(share)} % of the teacher’s`;
  return `${figures.join(', ')}${ofTeacher}, on ${images.toLocaleString('en-GB')} ${images === 1 ? 'image' : 'images'} of ${split}`;
}
