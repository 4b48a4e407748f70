import { UserError } from '../../errors.js';
import type { ImageRecord } from '../assemble.js';
import type { Remarks } from '../remarks.js';
import { cleanCaption } from './caption.js';

/** A class's name as it stands in a prompt: composed letters (NFC), single spaces, `_` as a space. Hyphens belong to it. */
export const plainName = (given: string): string =>
  cleanCaption(given.normalize('NFC').replace(/_+/g, ' ')) || given.trim();

/** The classes of a data set, and which one a record is of. */
export interface ClassLabels {
  readonly names: readonly string[];
  /** Its place in `names`; undefined where its class is not known; a reason where it cannot be used. */
  of(record: Pick<ImageRecord, 'id' | 'className' | 'label'>): number | undefined | { readonly reason: string };
  /** The place in `names` of a number in the data's own list. */
  place(label: number): number | undefined;
}

/**
 * Finds the classes of records, which say them by name or by number.
 *
 * Names are those given, or else the data's own list, or else those that the records say, sorted. Where all records say
 * numbers, these are places in a list of names, if there is one, from 1 on where they count all of it so. Numbers below 0
 * and beyond the list are no class, nor are several classes in one cell; they are counted in `remarks`. Two names that differ only in `_`, spaces or the composition of letters are one, which is said;
 * two numbers with one name stay two classes.
 *
 * @param given names that the user gives
 * @param listed names in the order of the data's labels
 * @throws UserError where the data says classes by names, and one of them is there twice
 */
export function classLabels(
  records: readonly Pick<ImageRecord, 'id' | 'className' | 'label'>[],
  given: readonly string[] | undefined,
  listed: readonly string[] | undefined,
  remarks: Remarks,
): ClassLabels {
  const said = new Map<string, Set<string>>();
  for (const { className } of records) {
    // Whole numbers below 0 are no class, also where others have names.
    if (className === undefined || isBelowZero(className)) continue;
    const plain = plainName(className);
    const known = said.get(plain);
    if (known) known.add(className);
    else said.set(plain, new Set([className]));
  }
  const several = new Set([...said.keys()].filter((name) => isOfSeveral(name, said)));
  for (const name of several) said.delete(name);
  for (const [plain, ways] of said) {
    if (ways.size > 1) {
      remarks.add('classes that are written in several ways and are taken as one', `${plain}: ${[...ways].join(', ')}`);
    }
  }
  const areNumbers = said.size > 0 && [...said.keys()].every((name) => wholeNumber.test(name));
  const whole = (name: string) => (areNumbers ? name.replace(/\.0*$/, '') : name);
  const keys = new Set([...said.keys()].map(whole));
  const listedNames = listed?.map(plainName);
  // A list of other names than those that are said is of something else.
  const isOfThem = areNumbers || keys.size === 0 || listedNames?.some((name) => keys.has(name));
  const own = isOfThem ? listedNames : undefined;
  const names = given?.map(plainName) ?? own ?? sortedNames([...keys], areNumbers);
  remarkTwins(names, remarks);
  const places = new Map<string, number>();
  const twice = new Set<string>();
  for (const [place, name] of names.entries()) {
    if (places.has(name)) twice.add(name);
    else places.set(name, place);
  }
  const byName = (name: string): number | undefined => {
    if (!twice.has(name)) return places.get(name);
    throw new UserError(
      `the class ${name} is there twice in the list of classes, and the data says classes by name: which one is meant cannot be told; give the data numbers, or the classes different names`,
    );
  };
  const isListed = (given ?? own) !== undefined;
  const byNumber = areNumbers && isListed && ![...keys].every((name) => places.has(name));
  const first = byNumber && areFromOne([...keys], names.length) ? 1 : 0;
  if (first === 1) {
    remarks.add('labels that count from 1: taken as places in the list of classes', `1: ${names[0]}`, keys.size);
  }
  const renamed = ownPlaces(own, given && names, byName, remarks);

  const unlabelled = (id: string, label: string): undefined => {
    const reason = label.startsWith('-')
      ? 'whose label is below 0'
      : `whose label is beyond the ${names.length} classes`;
    remarks.add(`images ${reason}: taken as unlabelled`, `${id}: ${label}`);
  };
  return {
    names,
    place: (label) => {
      const place = renamed(label);
      return typeof place === 'number' ? place : undefined;
    },
    of({ id, className, label }) {
      if (label !== undefined) {
        const place = renamed(label);
        return place === undefined ? unlabelled(id, String(label)) : place;
      }
      if (className === undefined) return undefined;
      if (isBelowZero(className)) return unlabelled(id, String(Number(className)));
      const name = whole(plainName(className));
      if (several.has(name)) {
        remarks.add('images of several classes: taken as unlabelled', `${id}: ${name}`);
        return undefined;
      }
      if (byNumber) {
        const number = Number(name) - first;
        return number >= 0 && number < names.length ? number : unlabelled(id, name);
      }
      const place = byName(name);
      if (place !== undefined) return place;
      if (given) return { reason: `its class ${name} is not in the classes given` };
      remarks.add('images whose class is not in the data’s list of classes: taken as unlabelled', `${id}: ${name}`);
      return undefined;
    },
  };
}

/** Also as tables write whole numbers where some are missing: 3.0. */
const wholeNumber = /^[+-]?\d+(\.0*)?$/;

const isBelowZero = (name: string): boolean => wholeNumber.test(name.trim()) && Number(name) < 0;

/** Whether a name lists classes that others bear alone: `cat|dog`. */
function isOfSeveral(name: string, said: ReadonlyMap<string, unknown>): boolean {
  const parts = name.split(/\s*[|;,]\s*/);
  return parts.length > 1 && parts.every((part) => said.has(part));
}

/** Whether numbers count as many classes from 1 on. */
const areFromOne = (said: readonly string[], classes: number): boolean =>
  said.every((name) => Number(name) >= 1 && Number(name) <= classes) && said.some((name) => Number(name) === classes);

/** In order; numbers by their size. */
function sortedNames(said: readonly string[], areNumbers: boolean): string[] {
  if (areNumbers) return [...said].sort((a, b) => Number(a) - Number(b));
  return [...said].sort((a, b) => (a < b ? -1 : 1));
}

/** The place, in the list of names, of a number in the data's own list, or why there is none. */
function ownPlaces(
  own: readonly string[] | undefined,
  given: readonly string[] | undefined,
  byName: (name: string) => number | undefined,
  remarks: Remarks,
): (label: number) => number | { readonly reason: string } | undefined {
  const inOwn = (label: number) =>
    own && Number.isInteger(label) && label >= 0 && label < own.length ? label : undefined;
  if (!own || !given) return inOwn;
  const isSame = own.length === given.length && own.every((name, label) => name === given[label]);
  const isRenamed = own.length === given.length && !own.some((name) => given.includes(name));
  if (isRenamed) {
    remarks.add('classes that get the names given, in the order of their labels', `${own[0]}: ${given[0]}`, own.length);
  }
  if (isSame || isRenamed) return inOwn;
  return (label) => {
    if (inOwn(label) === undefined) return undefined;
    return byName(own[label]!) ?? { reason: `its class ${own[label]} is not in the classes given` };
  };
}

/** Names that people would take for one. */
function remarkTwins(names: readonly string[], remarks: Remarks): void {
  const seen = new Map<string, string>();
  for (const name of names) {
    const folded = name.toLowerCase().replaceAll('-', ' ');
    const twin = seen.get(folded);
    if (twin === undefined) seen.set(folded, name);
    else if (twin === name) remarks.add('class names that stand for another class, too; they stay apart', name);
    else
      remarks.add(
        'class names that differ from another only in capitals or hyphens; they stay apart',
        `${twin}, ${name}`,
      );
  }
}
