import { z } from 'zod';
import { type Limits, type ServerOptions, serverDefaults } from './options.js';

/** Any, also infinity; which one fits is checked where it is used. */
const number = z.custom<number>((value) => typeof value === 'number', { error: 'expected number' }).optional();
const namesOfLimits = Object.keys(serverDefaults).filter((name) => name !== 'host') as Exclude<keyof Limits, 'host'>[];
const texts = z.array(z.string().min(1));

/** What a program gives a server, whose types nobody may have checked. */
export const serverFields = z.object({
  ...(Object.fromEntries(namesOfLimits.map((name) => [name, number])) as Record<
    (typeof namesOfLimits)[number],
    typeof number
  >),
  host: z.string().optional(),
  models: texts,
  keys: texts.optional(),
  withoutKeys: z.boolean().optional(),
  search: z.string().optional(),
  extensions: z.array(z.unknown()).optional(),
  threads: number,
} satisfies Record<keyof ServerOptions, z.ZodType>);
