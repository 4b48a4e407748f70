/** Longest time of a timer, in milliseconds, some 24 days: setTimeout takes a longer one for 1 ms. */
export const longestTimer = 2 ** 31 - 1;
