import type { Noun } from '../../../english/index.js';
import { sceneName } from '../emoji-scenes/things.js';

/** Concepts of the built-in set that are drawn by many artists and look like no other one here; by their names there. */
export const objects: readonly string[] =
  `cactus, sunflower, strawberry, hamburger, doughnut, birthday cake, bird, rose, lemon, pizza, cocktail glass, beer mug,
  balloon, microphone, guitar, snail, elephant, turtle, penguin, handbag, ring, bomb, battery, microscope, bus, door,
  bicycle, airplane, snowflake, mushroom, pineapple, pear, trophy, crocodile, snake, honeybee, dolphin, cat face,
  horse face, crown, dress, bell, telescope, spider, helicopter, anchor, tent, locomotive`
    .split(',')
    .map((name) => name.trim().replace(/\s+/g, ' '));

/** An object as a class name says it: `cat face` is a cat. */
export const nounOfObject = (object: string): Noun => ({ name: sceneName(object), kind: 'singular' });
