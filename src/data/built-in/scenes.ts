import type { ImageTextDataset } from '../dataset.js';
import type { Scene } from './emoji-scenes/scene.js';

export type { Scene as EmojiScene } from './emoji-scenes/scene.js';

/** The built-in data set `emoji-scenes`, and what each of its images shows, by its id. */
export async function openScenes(): Promise<{ dataset: ImageTextDataset; scenes: ReadonlyMap<string, Scene> }> {
  // Loaded when it is opened: a server that decodes images does not need it.
  return (await import('./emoji-scenes/index.js')).openScenes();
}
