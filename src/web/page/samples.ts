import { element } from './dom.js';

/**
 * Offers a model's sample images as buttons.
 *
 * @param onChosen is told of a sample's file; what it throws is reported by itself
 */
export function offerSamples(samples: readonly string[], onChosen: (image: File) => void): void {
  const list = element('samples');
  list.hidden = samples.length === 0;
  for (const [n, address] of samples.entries()) {
    const button = document.createElement('button');
    button.type = 'button';
    const image = document.createElement('img');
    image.src = address;
    image.alt = `Sample image ${n + 1}`;
    button.append(image);
    button.addEventListener('click', async () => {
      const blob = await (await fetch(address)).blob();
      onChosen(new File([blob], address.split('/').at(-1)!, { type: blob.type }));
    });
    list.append(button);
  }
}
