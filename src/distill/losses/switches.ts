import { type LossName, losses } from './index.js';

/** What turns losses on or off against their defaults: a flag of the command line, and a row of the ablations. */
export interface LossSwitch {
  /** `no-feature` for a loss that is on by default, `affinity` for one that is not. */
  readonly name: string;
  /** What it does: `without feature alignment`. */
  readonly title: string;
  /** The same for a help text: with a sentence on what a loss compares that few will know. */
  readonly help: string;
  /** The losses it sets, a loss that is part of another with that one. */
  readonly losses: readonly LossName[];
  /** What it sets their `enabled` to. */
  readonly enabled: boolean;
}

/** One switch a loss, in the losses' order. */
export function lossSwitches(): LossSwitch[] {
  return losses.map(({ name, about, schema }) => {
    const enabled = !schema.parse(undefined).enabled;
    const own = losses.filter((loss) => loss.name === name || loss.partOf === name);
    const labels = own.map(({ label }) => label.charAt(0).toLowerCase() + label.slice(1)).join(' and ');
    const flag = name.replaceAll('_', '-');
    const title = `${enabled ? 'with' : 'without'} ${labels}`;
    return {
      name: enabled ? flag : `no-${flag}`,
      title,
      help: enabled ? `${title}: ${about.replace(/\.$/, '')}` : title,
      losses: own.map((loss) => loss.name),
      enabled,
    };
  });
}
