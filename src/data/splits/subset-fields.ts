import { z } from 'zod';

/** Recipe fields under `data` that cut the training split down; see `withSubset`. */
export const subsetFields = {
  /** Share of the images of every class that is trained on; left out: all. */
  fraction: z.number().positive().max(1).optional(),
  /** How many times as many images the largest class has as the smallest: a made long tail; left out: as the data is. */
  imbalance: z.number().min(1).optional(),
};
