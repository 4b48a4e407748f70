import { type Command, Option } from 'commander';

/**
 * One flag a loss, `--no-feature` or `--affinity`: added when the command is chosen, so that the list of losses, and the
 * tensor code it brings, are loaded for no other command's help.
 */
export function withLossFlags(program: Command, command: Command): void {
  program.hook('preSubcommand', async (_, chosen) => {
    if (chosen !== command) return;
    const { lossSwitches } = await import('../distill/index.js');
    for (const { name, help } of lossSwitches()) {
      command.addOption(new Option(`--${name}`, help).helpGroup('Losses:'));
    }
  });
}

/** The recipe fields that the given flags of {@link withLossFlags} stand for. */
export async function lossFields(command: Command): Promise<Record<string, boolean>> {
  const { lossSwitches } = await import('../distill/index.js');
  const given = lossSwitches().filter(
    ({ name }) => command.getOptionValueSource(new Option(`--${name}`).attributeName()) === 'cli',
  );
  return Object.fromEntries(
    given.flatMap(({ losses, enabled }) => losses.map((loss) => [`losses.${loss}.enabled`, enabled])),
  );
}
