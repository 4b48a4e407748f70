import type { Command } from 'commander';
import { UserError } from '../errors.js';

/** Options that name a place. */
const places = /<(folder|file|model|data|detector|head)(\.\.\.)?>/;

/**
 * Refuses a path that is empty, as a shell makes it of a variable that is not set: it would stand for the folder that one is in.
 *
 * @throws UserError naming the option or argument
 */
export function refuseEmptyPaths(command: Command): void {
  const isEmpty = (value: unknown) => [value].flat().includes('');
  const option = command.options.find(
    (one) => places.test(one.flags) && isEmpty(command.getOptionValue(one.attributeName())),
  );
  const argument = command.registeredArguments.find((_, i) => isEmpty(command.processedArgs[i]));
  const name = option?.long ?? (argument && `<${argument.name()}>`);
  if (name !== undefined)
    throw new UserError(`${name}: expected a value, got an empty text: is a variable of the shell not set?`);
}
