/** Concepts of the built-in set that can be counted and stand in a scene; by their names there. */
export const things: ReadonlySet<string> = new Set(
  `cactus, mushroom, tomato, eggplant, watermelon, lemon, banana, pineapple, pear, peach, strawberry, hamburger, pizza,
  taco, doughnut, cookie, lollipop, birthday cake, wine glass, cocktail glass, beer mug, balloon, backpack, microphone,
  top hat, game die, saxophone, guitar, trumpet, violin, basketball, trophy, motorcycle, racing car, volleyball, castle,
  ox, leopard, crocodile, snail, snake, ram, goat, rooster, chicken, boar, elephant, octopus, ant, honeybee, fish,
  blowfish, turtle, bird, penguin, koala, camel, dolphin, mouse face, cow face, tiger face, rabbit face, cat face,
  horse face, monkey face, dog face, pig face, frog, hamster, wolf, bear, panda, crown, necktie, dress, handbag, ring,
  light bulb, bomb, laptop, camera, television, radio, battery, key, bell, wrench, hammer, microscope, telescope, candle,
  spider, paintbrush, rocket, helicopter, locomotive, tram, bus, ambulance, fire engine, police car, taxi, automobile,
  tractor, ship, speedboat, bicycle, toilet, bathtub, bed, canoe, drum, spoon, croissant, avocado, cucumber, potato,
  carrot, egg, crab, lion, scorpion, turkey, unicorn, eagle, duck, bat, shark, owl, fox, butterfly, deer, gorilla, lizard,
  rhinoceros, squid, window, watch, snowman, telephone, anchor, sailboat, tent, airplane, envelope, pencil, snowflake,
  star, rose, tulip, sunflower, teacup without handle, kick scooter, shopping cart, umbrella with rain drops, door, shield`
    .split(',')
    .map((name) => name.trim().replace(/\s+/g, ' ')),
);

/** What a concept is called in a scene: `cat face` is a cat. */
export const sceneName = (name: string): string => name.replace(/ (face|without handle|with rain drops)$/, '');

/** A paint that a drawing is coloured with: what is lighter stays lighter. */
export interface Paint {
  readonly name: string;
  readonly rgb: readonly [number, number, number];
}

export const paints: readonly Paint[] = [
  { name: 'red', rgb: [214, 40, 40] },
  { name: 'orange', rgb: [247, 127, 0] },
  { name: 'yellow', rgb: [250, 210, 20] },
  { name: 'green', rgb: [40, 150, 60] },
  { name: 'blue', rgb: [40, 90, 220] },
  { name: 'purple', rgb: [130, 50, 180] },
  { name: 'pink', rgb: [255, 120, 180] },
  { name: 'brown', rgb: [130, 80, 40] },
];

/** What the things of a scene stand before: a band at the top and one at the bottom. */
export interface Background {
  /** As a caption ends: `on a green field`. */
  readonly phrase: string;
  /** As a caption begins: `a green field`. */
  readonly noun: string;
  readonly top: string;
  readonly bottom: string;
  /** Height of the upper band, as a share. */
  readonly horizon: number;
  /** Paints that do not stand out from it. */
  readonly hides: readonly string[];
}

const ground = (noun: string, top: string, bottom: string, horizon: number, ...hides: string[]): Background => ({
  ...{ phrase: `on ${noun}`, noun, top, bottom, horizon, hides },
});

export const backgrounds: readonly Background[] = [
  ground('a green field', '#cfe8ff', '#7cc36a', 0.35, 'green'),
  ground('a sandy beach', '#8fd3f4', '#f0d9a0', 0.4, 'yellow'),
  ground('white snow', '#dce6f0', '#fbfdff', 0.3),
  ground('a wooden table', '#f3e9dc', '#b98a5a', 0.3, 'brown', 'orange'),
  ground('a grey road', '#d9e2ea', '#8d949c', 0.3),
  { ...ground('a blue sky', '#6fb4f0', '#a8d4fa', 0.5, 'blue'), phrase: 'against a blue sky' },
  { ...ground('a night sky', '#2f3f86', '#4c5ba8', 0.6, 'blue', 'purple', 'brown'), phrase: 'against a night sky' },
  { ...ground('a pink wall', '#f9c6d7', '#f9c6d7', 0.5, 'pink', 'red'), phrase: 'against a pink wall' },
];
