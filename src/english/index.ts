export { articleOf, beginsWithDoing, indefinite, mendArticles, type Noun, nounOf, pluralOf } from './noun-phrase.js';
export { singularOf } from './singular.js';
export { gerundOf, participleOf, verbsOfGerund } from './verbs.js';
