const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).filter((word) => word !== ''));

/** Nouns that take neither an article nor a plural. */
export const massNouns = words(`
  rice bread water milk butter meat beef pork bacon ham sushi sashimi salt sugar honey tea coffee juice sake pasta
  spaghetti ramen popcorn corn maize garlic ginger broccoli spinach lettuce seaweed grass moss ivy snow ice hail fog mist rain
  smoke lightning thunder sand mud soil gravel dust gold silver copper iron steel aluminium wood timber plastic cotton
  wool leather silk lace denim velvet linen fur hair money cash furniture luggage baggage jewellery jewelry clothing
  equipment machinery traffic music art tennis golf soccer hockey badminton rugby polo baseball volleyball
  lacrosse handball archery yoga karate judo chess poker gymnastics athletics homework makeup food fruit oil petrol
  asphalt concrete marble granite chocolate tofu yoghurt hummus guacamole ketchup mustard mayonnaise jam flour wheat
  barley hay straw rust corrosion mould mold dirt debris foam paint glue vegetation farmland pasture cropland woodland
  rangeland wetland tundra pneumonia tuberculosis emphysema cardiomegaly edema oedema asthma anaemia anemia cancer
  pneumothorax osteoporosis consolidation infiltration calcification inflammation bleeding swelling damage wear
  weather sunshine sunlight darkness air electricity graffiti lava coal chalk clay tape software tiramisu
  ceviche paella risotto edamame pho bibimbap tartare carbonara bolognese caviar plankton toast`);

/** Plural nouns that do not end in s. */
export const plainPlurals = words(`
  people men women children feet teeth mice geese cattle police oxen cacti fungi dice lice larvae algae bacteria
  vertebrae women’s men’s gnocchi ravioli`);

/** Singular nouns that end in a single s and neither in us nor in is. */
export const singularInS = words(
  'gas lens canvas atlas pancreas christmas bias alias cosmos mars ananas pampas summons chaos rhinoceros albatross asbestos thermos ibis corps',
);

/** Plurals that end in us or is. */
export const pluralInUsOrIs = words('menus gnus emus skis taxis kiwis zucchinis bikinis alibis rabbis');

/** Singular and plural alike. */
export const invariant = words(
  'sheep deer moose bison shrimp salmon squid trout swine series species elk cod offspring tuna carp plaice',
);

/** Nouns in -ing that are things, not doings; those in -ling and the short ones need no list. */
export const thingsInIng = words(`
  building painting drawing pudding earring wedding stocking spring string evening morning railing awning crossing
  landing opening clearing setting carving etching engraving marking herring lighting casing coupling fitting bearing
  bushing housing ceiling sibling offering recording meeting gathering meaning covering`);

/** Words in -ing that a whole doing begins with; before another noun the rest describe it, as in rolling pin. */
export const doings = words(
  'playing doing brushing applying lifting taking waving watching pouring blowing fixing using practising practicing texting',
);

/** Plurals that no rule makes. */
export const irregularPlurals: Readonly<Record<string, string>> = {
  child: 'children',
  ox: 'oxen',
  mouse: 'mice',
  goose: 'geese',
  tooth: 'teeth',
  foot: 'feet',
  person: 'people',
  cactus: 'cacti',
  fungus: 'fungi',
  louse: 'lice',
  die: 'dice',
  leaf: 'leaves',
  knife: 'knives',
  wolf: 'wolves',
  loaf: 'loaves',
  shelf: 'shelves',
  calf: 'calves',
  half: 'halves',
  wife: 'wives',
  life: 'lives',
  scarf: 'scarves',
  hoof: 'hooves',
  thief: 'thieves',
  elf: 'elves',
  sheaf: 'sheaves',
  tomato: 'tomatoes',
  potato: 'potatoes',
  hero: 'heroes',
  volcano: 'volcanoes',
  tornado: 'tornadoes',
  mango: 'mangoes',
  torpedo: 'torpedoes',
  mosquito: 'mosquitoes',
  buffalo: 'buffaloes',
  domino: 'dominoes',
  vertebra: 'vertebrae',
  larva: 'larvae',
  bus: 'buses',
  gas: 'gases',
  chassis: 'chassis',
  human: 'humans',
  german: 'Germans',
  talisman: 'talismans',
  shaman: 'shamans',
  ottoman: 'ottomans',
  quiz: 'quizzes',
};
