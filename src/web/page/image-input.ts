import { element } from './dom.js';

/** Reports images that are chosen, dropped anywhere on the page, or pasted. */
export function listenForImages(onImage: (image: File) => void): void {
  const input = element<HTMLInputElement>('file');
  input.addEventListener('change', () => {
    const file = input.files?.[0];
    input.value = ''; // the same file may be chosen again
    if (file) onImage(file);
  });
  element('choose').addEventListener('click', () => input.click());

  const root = document.documentElement;
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    root.classList.add('dragging');
  });
  document.addEventListener('dragleave', (event) => {
    if (!event.relatedTarget) root.classList.remove('dragging');
  });
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    root.classList.remove('dragging');
    const file = event.dataTransfer?.files[0];
    if (file) onImage(file);
  });
  document.addEventListener('paste', (event) => {
    const file = event.clipboardData?.files[0];
    if (!file) return;
    event.preventDefault();
    onImage(file);
  });
}
